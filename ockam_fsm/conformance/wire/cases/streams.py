"""What can be said of a stream service by wire: whether its confirmations carry the identifiers of their pushes.

Limit: clause 12.1 is informative, so that a publish is stored and delivered at least once is not judged here. That a
response is tied to its request is clause 6.2, whatever the protocol.
Source: clause 6.2; runtime/encoding/stream_messages.py; `tests/vectors/ockam-elixir-wire.json`.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, fresh
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    Push,
    Pushed,
    StreamCreated,
    StreamResponse,
    decode_response,
    encode_request,
)

CASES: list[Case] = []
IDENTIFIERS = (7, 3, 2**40)


def no_stream(target: Target) -> str:
    return "" if target.stream else "no stream service is named (--stream)"


@case("6.2", Severity.SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_identifiers(lab: CaseContext) -> str:
    """Each push to a stream is confirmed under its own identifier."""
    wire = await lab.wire()
    back, name = fresh("publisher"), fresh("stream").value.decode()
    wire.send((local(lab.target.stream),), encode_request(CreateStream(name)), (back,), f"create stream {name}")
    created = await wire.need(back, what="reply of the stream service")
    if not isinstance(read(created), StreamCreated) or not created.return_route:
        raise Deviation(f"the reply to stream_create is {read(created)}, by way of {created.return_route}")
    for identifier in IDENTIFIERS:
        request = Push(identifier, b"conformance")
        wire.send(created.return_route, encode_request(request), (back,), f"push {identifier}")
        reply = read(await wire.need(back, what=f"confirmation of push {identifier}"))
        if not isinstance(reply, Pushed) or reply.request_id != identifier:
            raise Deviation(f"push {identifier} is confirmed by {reply}")
    return f"pushes {', '.join(map(str, IDENTIFIERS))} are confirmed, each under its identifier"


def read(message: Message) -> StreamResponse:
    try:
        return decode_response(message.payload)
    except RemoteSessionError as error:
        raise Deviation(f"what the stream service says cannot be read: {error}") from None

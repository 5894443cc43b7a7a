"""A stream service as far as a clause speaks of it: confirmations carry the identifiers of their pushes."""

from __future__ import annotations

import pytest

from ockam_fsm.conformance.report.findings import Finding, Verdict
from ockam_fsm.conformance.wire.kit import Kit
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    Push,
    Pushed,
    Status,
    StreamCreated,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.node.workers import Context


def stream_service(confirmed: dict[int, int]) -> object:
    """Confirms pushes; `confirmed` says under which identifier, if not its own."""

    def serve(message: Message, context: Context) -> None:
        match decode_request(message.payload):
            case CreateStream(name, _):
                context.reply(encode_response(StreamCreated(name or "made up")))
            case Push(identifier, _):
                context.reply(encode_response(Pushed(confirmed.get(identifier, identifier), Status.OK, 0)))

    return serve


@pytest.mark.parametrize(
    ("stream", "confirmed", "verdict"),
    [("stream", {}, Verdict.PASS), ("stream", {3: 7}, Verdict.FAIL), ("", {}, Verdict.NOT_APPLICABLE)],
)
def test_confirmations_carry_the_identifier_of_their_push(
    stream: str, confirmed: dict[int, int], verdict: Verdict
) -> None:
    async def main() -> Finding:
        async with TcpNode() as node:
            where = await node.listen()
            node.worker("stream", stream_service(confirmed), public=True)  # type: ignore[arg-type]
            target = Target(where, "spawner", stream=stream)
            report = await Kit(target, "conform", lambda done, total, name: None, ["stream-identifiers"]).judge()
        return next(one for one in report.findings if one.case == "stream-identifiers")

    found = run(main(), fast=False)
    assert (found.clause, found.verdict) == ("6.2", verdict), found.reason

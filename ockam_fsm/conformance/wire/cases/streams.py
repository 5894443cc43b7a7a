"""Cases about a stream service on the plain protocol: creation, pushes, pulls, the saved index.

Rule 1: creation is judged by 12.10, pushes by 12.6, pulls by 12.7. A case that needs one of the others as a
        prerequisite and does not get it is undecided.
Rule 2: a stream stores what a pull returns; a confirmation alone shows nothing about the storage.
Left out: durability of the storage (12.5), since the node is not killed; more partitions than the service allows, since
        a node that made them all could exhaust its machine.
Source: clauses 6.2, 12.6 to 12.8, 12.10, 14.4; runtime/encoding/stream_messages.py;
        `tests/vectors/ockam-elixir-wire.json`.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, fresh, payload
from ockam_fsm.conformance.wire.stream_client import (
    ALL,
    Group,
    ask,
    created,
    needed,
    new_name,
    new_stream,
)
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    GetIndex,
    Pull,
    Push,
    Pushed,
    StreamError,
    StreamRequest,
    encode_request,
)

CASES: list[Case] = []
ROBUSTNESS, LIVENESS, SAFETY = Severity.ROBUSTNESS, Severity.LIVENESS, Severity.SAFETY
IDENTIFIERS = (7, 3, 2**40)
PARTITIONS = 3
FAR = 1000
"""How far past the end of a log a pull begins, at least."""


def no_stream(target: NodeUnderTest) -> str:
    return "" if target.stream else "no stream service is declared (--stream)"


def no_index(target: NodeUnderTest) -> str:
    return "" if target.stream_index else "no index worker is declared (--stream-index)"


# Creation -------------------------------------------------------------------------------------------------------------


@case("12.10", LIVENESS, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_create(context: CaseContext) -> str:
    """The answer to the creation of a stream names it, and its return route leads to a worker that confirms pushes."""
    wire, name = await context.wire(), new_name()
    (stream,) = await created(wire, name)
    if (stream.name, stream.partition) != (name, None):
        raise Deviation(f"expected an answer about {name}; got {stream.name}, partition {stream.partition}")
    reply = await ask(wire, stream.route, Push(1, payload()), "push, along the return route of the answer")
    if not isinstance(reply, Pushed):
        raise Deviation(f"expected a confirmation of a push along the return route of the answer; got {reply}")
    return "the answer names the stream and leads to its worker"


@case("12.10", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_created_again(context: CaseContext) -> str:
    """Creating a stream that exists leads to the same stream and its messages."""
    stream, data = await new_stream(context), payload()
    await needed(stream.push(data))
    (again,) = await created(stream.wire, stream.name)
    if (kept := await needed(again.kept())) != [data]:
        raise Deviation(f"expected the stream to have {[data]} after it was created again; got {kept}")
    return "a stream that is created again is the same"


@case("12.10", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_partitions(context: CaseContext) -> str:
    """A stream of three partitions has an answer and a worker for each, with its own messages."""
    found = await created(await context.wire(), new_name(), PARTITIONS)
    numbers = sorted(-1 if one.partition is None else one.partition for one in found)
    if numbers != list(range(PARTITIONS)):
        raise Deviation(f"expected answers for the partitions {list(range(PARTITIONS))}; got {numbers}")
    sent = {one: payload(f"partition {one.partition}") for one in found}
    for one, data in sent.items():
        await needed(one.push(data))
    for one, data in sent.items():
        if (kept := await needed(one.kept())) != [data]:
            raise Deviation(f"expected partition {one.partition} to have {[data]}; got {kept}")
    return f"{PARTITIONS} answers, and each partition has the messages pushed to it"


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_no_partitions(context: CaseContext) -> str:
    """The creation of a stream of 0 partitions gets an error."""
    route = (local(context.target.stream),)
    return await refused(context, route, CreateStream(new_name(), 0), "the creation of a stream of 0 partitions")


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_create_at_the_worker(context: CaseContext) -> str:
    """A stream's worker creates no streams, neither under its own name nor under another one."""
    stream = await new_stream(context)
    for name in (stream.name, new_name()):
        await refused(context, stream.route, CreateStream(name), "a creation at a stream's worker")
    return "an error for each creation at a stream's worker"


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_requests_at_the_service(context: CaseContext) -> str:
    """The stream service answers pushes, pulls and index requests with an error."""
    for request in (Push(1, payload()), Pull(1, 0, 1), GetIndex("group", new_name())):
        await refused(context, (local(context.target.stream),), request, f"a {type(request).__name__} at the service")
    return "an error for each request that is not for the service"


@case("12.10", ROBUSTNESS, lacks=no_index, into=CASES)
async def stream_requests_at_the_index(context: CaseContext) -> str:
    """The index worker answers creations, pushes and pulls with an error."""
    for request in (CreateStream(new_name()), Push(1, payload()), Pull(1, 0, 1)):
        await refused(
            context, (local(context.target.stream_index),), request, f"a {type(request).__name__} at the index worker"
        )
    return "an error for each request that is not for the index worker"


@case("14.4", SAFETY, lacks=no_stream, into=CASES)
async def stream_malformed_requests(context: CaseContext) -> str:
    """Unreadable requests at the service and at a stream's worker store nothing and stop neither."""
    stream, sent = await new_stream(context), [payload("before"), payload("after")]
    await needed(stream.push(sent[0]))
    cut = encode_request(Push(1, b"cut short"))[:-1]
    for nonsense in (b"", b"\xff" * 12, b"\x04nope\x00", cut):
        for route in (stream.route, (local(context.target.stream),)):
            stream.wire.send(route, nonsense, (fresh("client"),), "unreadable request")
    try:
        await stream.push(sent[1])
        await created(stream.wire, new_name())
    except Deviation as error:
        raise Deviation(f"after unreadable requests: {error.reason}") from None
    if (kept := await needed(stream.kept())) != sent:
        raise Deviation(f"expected the stream to have {sent} after unreadable requests; got {kept}")
    return "the service and the stream's worker go on"


# Pushing --------------------------------------------------------------------------------------------------------------


@case("6.2", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_identifiers(context: CaseContext) -> str:
    """Each push to a stream is confirmed under its own identifier."""
    stream = await new_stream(context)
    for identifier in IDENTIFIERS:
        reply = await stream.confirmation(b"conformance", identifier)
        if reply.request_id != identifier:
            raise Deviation(f"expected a confirmation of push {identifier}; got {reply}")
    return f"pushes {', '.join(map(str, IDENTIFIERS))} are confirmed, each under its identifier"


@case("12.6", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_same_push_twice(context: CaseContext) -> str:
    """Two pushes with the same identifier and data are both stored, each under its own index."""
    stream, data = await new_stream(context), payload()
    indexes = [(await stream.confirmation(data)).index for _ in range(2)]
    kept = [(one.index, one.data) for one in await needed(stream.everything())]
    if kept != [(index, data) for index in indexes]:
        raise Deviation(f"expected {data!r} under each of the confirmed indexes {indexes}; got {kept}")
    return f"stored under the indexes {' and '.join(map(str, indexes))}"


@case("12.6", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_confirmed_index(context: CaseContext) -> str:
    """A confirmation carries the index under which the message is stored."""
    stream, sent = await new_stream(context), [payload(str(number)) for number in range(3)]
    indexes = await stream.push(*sent)
    for index, data in zip(indexes, sent, strict=True):
        found = [(one.index, one.data) for one in await needed(stream.pull(index, 1))]
        if found != [(index, data)]:
            raise Deviation(f"expected {data!r} under its confirmed index {index}; got {found}")
    return f"{len(sent)} messages are stored under their confirmed indexes"


# Pulling --------------------------------------------------------------------------------------------------------------


@case("12.7", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_pull(context: CaseContext) -> str:
    """A pull returns messages in order, from its index on, and no more than its limit."""
    stream, sent = await new_stream(context), [payload(str(number)) for number in range(5)]
    await needed(stream.push(*sent))
    everything = await stream.everything(IDENTIFIERS[0])
    if [one.data for one in everything] != sent:
        raise Deviation(f"expected pulls of all messages to return {sent}; got {everything}")
    for start, limit in ((2, ALL), (1, 2), (4, 1)):
        found = await stream.pull(everything[start].index, limit, IDENTIFIERS[1])
        wanted = everything[start : start + limit]
        if list(found) != wanted[: len(found)] or not found:
            pull = f"a pull of {limit} messages from index {everything[start].index} on"
            raise Deviation(f"expected {pull} to return {wanted}; got {found}")
    return "the messages come in order, from the index on and up to the limit"


@case("12.7", LIVENESS, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_pull_past_the_end(context: CaseContext) -> str:
    """A pull past the end returns nothing, and later messages are found there."""
    stream = await new_stream(context)
    (index,) = await needed(stream.push(payload()))
    for start in (index + 1, index + FAR):
        if found := await stream.pull(start):
            raise Deviation(f"expected no message from index {start} on, since the last one is {index}; got {found}")
    data = payload("later")
    await needed(stream.push(data))
    found = await stream.pull(index + 1)
    if [one.data for one in found] != [data]:
        raise Deviation(f"expected {data!r}, pushed last, from index {index + 1} on; got {found}")
    return "no messages past the end until one is pushed"


# The index ------------------------------------------------------------------------------------------------------------


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index(context: CaseContext) -> str:
    """A group has no index before its first save, and then the saved one."""
    group = Group(await context.wire(), new_name(), new_name())
    if (before := await group.saved()) is not None:
        raise Deviation(f"expected no index before the first save of a group; got {before}")
    for index in (5, 8):
        group.save(index)
        if (saved := await group.saved()) != index:
            raise Deviation(f"expected the saved index {index}; got {saved}")
    return "no index before the first save, then the saved one"


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_behind(context: CaseContext) -> str:
    """A save that arrives after a greater one does not lower the index."""
    group = Group(await context.wire(), new_name(), new_name())
    group.save(7)
    group.save(3)
    saved = await group.saved()
    if saved != 7:
        raise Deviation(f"expected the index 7 after saves of 7 and then 3; got {saved}")
    return "the index stays the greatest"


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_of_each_partition(context: CaseContext) -> str:
    """Each partition has its own index."""
    wire, name, stream = await context.wire(), new_name(), new_name()
    return await kept_apart([Group(wire, name, stream, number) for number in range(PARTITIONS)])


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_of_each_group(context: CaseContext) -> str:
    """Each group of consumers and each stream has its own index."""
    wire, name, stream = await context.wire(), new_name(), new_name()
    return await kept_apart([Group(wire, name, stream), Group(wire, new_name(), stream), Group(wire, name, new_name())])


async def kept_apart(groups: list[Group]) -> str:
    """Check that the groups have separate indexes. Raises Deviation."""
    wanted = {group: 4 + 5 * number for number, group in reversed(list(enumerate(groups)))}
    for group, index in wanted.items():
        group.save(index)
    for group, index in wanted.items():
        if (saved := await group.saved()) != index:
            others = f"{sorted(wanted.values())} were saved for different partitions, groups or streams"
            raise Deviation(f"expected the index {index}; got {saved} ({others})")
    return f"{len(groups)} separate indexes"


async def refused(context: CaseContext, route: Route, request: StreamRequest, what: str) -> str:
    """Check that a request gets an error. Raises Deviation."""
    wire = context.wires[0] if context.wires else await context.wire()
    reply = await ask(wire, route, request, what)
    if not isinstance(reply, StreamError):
        raise Deviation(f"expected an error for {what}; got {reply}")
    return f"error: {reply.reason[:80]}"

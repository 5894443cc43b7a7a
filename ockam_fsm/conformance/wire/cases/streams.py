"""A stream service by wire, on the plain protocol: creation, pushes, pulls, the saved index.

Rule 1: what is said before a stream of a case's own exists is judged at 12.10, its pushes at 12.6, its pulls at 12.7.
        A case that only needs one of the others and does not get it is undecided.
Rule 2: a push says nothing of the storage behind it. What is kept is what a pull hands out.
Left out: what a storage survives (12.5), since the node is not killed; more partitions than are served, since a node
        that made them all would take its machine with it.
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
from ockam_fsm.conformance.wire.target import Target
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
"""Past the end of a log by so much, at least."""


def no_stream(target: Target) -> str:
    return "" if target.stream else "no stream service is named (--stream)"


def no_index(target: Target) -> str:
    return "" if target.stream_index else "no index worker is named (--stream-index)"


# Creation -------------------------------------------------------------------------------------------------------------


@case("12.10", LIVENESS, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_create(lab: CaseContext) -> str:
    """A stream is created: the answer names it, and its return route leads to a worker that confirms pushes."""
    wire, name = await lab.wire(), new_name()
    (stream,) = await created(wire, name)
    if (stream.name, stream.partition) != (name, None):
        raise Deviation(f"the answer is about {stream.name}, partition {stream.partition}, not about {name}")
    reply = await ask(wire, stream.route, Push(1, payload()), "push, to the return route of the answer")
    if not isinstance(reply, Pushed):
        raise Deviation(f"the return route of the answer leads to no stream: a push is answered by {reply}")
    return "the answer names the stream, and leads to its worker"


@case("12.10", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_created_again(lab: CaseContext) -> str:
    """A stream that exists is created again: the answer leads to what it keeps."""
    stream, data = await new_stream(lab), payload()
    await needed(stream.push(data))
    (again,) = await created(stream.wire, stream.name)
    if (kept := await needed(again.kept())) != [data]:
        raise Deviation(f"{data!r} was pushed; the stream that was created again keeps {kept}")
    return "it is the same stream"


@case("12.10", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_partitions(lab: CaseContext) -> str:
    """A stream of three partitions: an answer for each, from a worker of its own, which keeps its own messages."""
    found = await created(await lab.wire(), new_name(), PARTITIONS)
    numbers = sorted(-1 if one.partition is None else one.partition for one in found)
    if numbers != list(range(PARTITIONS)):
        raise Deviation(f"the answers are about the partitions {numbers} of {PARTITIONS}")
    sent = {one: payload(f"partition {one.partition}") for one in found}
    for one, data in sent.items():
        await needed(one.push(data))
    for one, data in sent.items():
        if (kept := await needed(one.kept())) != [data]:
            raise Deviation(f"{data!r} was pushed to partition {one.partition}, which keeps {kept}")
    return f"{PARTITIONS} answers, and each partition keeps what was pushed to it"


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_no_partitions(lab: CaseContext) -> str:
    """A stream of no partitions is refused by an error."""
    route = (local(lab.target.stream),)
    return await refused(lab, route, CreateStream(new_name(), 0), "the creation of a stream of 0 partitions")


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_create_at_the_worker(lab: CaseContext) -> str:
    """A stream's own worker creates none, whether of its own name or another one."""
    stream = await new_stream(lab)
    for name in (stream.name, new_name()):
        await refused(lab, stream.route, CreateStream(name), "a creation at the stream's own worker")
    return "refused by an error"


@case("12.10", ROBUSTNESS, lacks=no_stream, into=CASES)
async def stream_requests_at_the_service(lab: CaseContext) -> str:
    """The service takes no pushes, no pulls, and keeps no index."""
    for request in (Push(1, payload()), Pull(1, 0, 1), GetIndex("group", new_name())):
        await refused(lab, (local(lab.target.stream),), request, f"a {type(request).__name__} at the service")
    return "refused by an error"


@case("12.10", ROBUSTNESS, lacks=no_index, into=CASES)
async def stream_requests_at_the_index(lab: CaseContext) -> str:
    """The index worker creates no streams, and takes no pushes and no pulls."""
    for request in (CreateStream(new_name()), Push(1, payload()), Pull(1, 0, 1)):
        await refused(lab, (local(lab.target.stream_index),), request, f"a {type(request).__name__} at the index")
    return "refused by an error"


@case("14.4", SAFETY, lacks=no_stream, into=CASES)
async def stream_malformed_requests(lab: CaseContext) -> str:
    """What cannot be read, at the service and at a stream's worker, stores nothing and stops neither."""
    stream, sent = await new_stream(lab), [payload("before"), payload("after")]
    await needed(stream.push(sent[0]))
    cut = encode_request(Push(1, b"cut short"))[:-1]
    for nonsense in (b"", b"\xff" * 12, b"\x04nope\x00", cut):
        for route in (stream.route, (local(lab.target.stream),)):
            stream.wire.send(route, nonsense, (fresh("client"),), "nonsense")
    try:
        await stream.push(sent[1])
        await created(stream.wire, new_name())
    except Deviation as error:
        raise Deviation(f"after nonsense: {error.reason}") from None
    if (kept := await needed(stream.kept())) != sent:
        raise Deviation(f"{sent} were pushed, before and after nonsense; the stream keeps {kept}")
    return "both go on as before"


# Pushing --------------------------------------------------------------------------------------------------------------


@case("6.2", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_identifiers(lab: CaseContext) -> str:
    """Each push to a stream is confirmed under its own identifier."""
    stream = await new_stream(lab)
    for identifier in IDENTIFIERS:
        reply = await stream.confirmation(b"conformance", identifier)
        if reply.request_id != identifier:
            raise Deviation(f"push {identifier} is confirmed by {reply}")
    return f"pushes {', '.join(map(str, IDENTIFIERS))} are confirmed, each under its identifier"


@case("12.6", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_same_push_twice(lab: CaseContext) -> str:
    """The same push twice, identifier and data: both are stored, each under an index of its own."""
    stream, data = await new_stream(lab), payload()
    indexes = [(await stream.confirmation(data)).index for _ in range(2)]
    kept = [(one.index, one.data) for one in await needed(stream.everything())]
    if kept != [(index, data) for index in indexes]:
        raise Deviation(f"{data!r} was pushed twice and confirmed under {indexes}; the stream keeps {kept}")
    return f"stored under {' and '.join(map(str, indexes))}"


@case("12.6", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_confirmed_index(lab: CaseContext) -> str:
    """A confirmation says under which index the message is stored."""
    stream, sent = await new_stream(lab), [payload(str(number)) for number in range(3)]
    indexes = await stream.push(*sent)
    for index, data in zip(indexes, sent, strict=True):
        found = [(one.index, one.data) for one in await needed(stream.pull(index, 1))]
        if found != [(index, data)]:
            raise Deviation(f"{data!r} was confirmed under index {index}; from there on the stream keeps {found}")
    return f"{len(sent)} messages are found where their confirmations say"


# Pulling --------------------------------------------------------------------------------------------------------------


@case("12.7", SAFETY, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_pull(lab: CaseContext) -> str:
    """A pull hands out messages in their order, from the index that it names on, no more than it asks for."""
    stream, sent = await new_stream(lab), [payload(str(number)) for number in range(5)]
    await needed(stream.push(*sent))
    everything = await stream.everything(IDENTIFIERS[0])
    if [one.data for one in everything] != sent:
        raise Deviation(f"{sent} were pushed; a pull of everything hands out {everything}")
    for start, limit in ((2, ALL), (1, 2), (4, 1)):
        found = await stream.pull(everything[start].index, limit, IDENTIFIERS[1])
        wanted = everything[start : start + limit]
        if list(found) != wanted[: len(found)] or not found:
            raise Deviation(f"{limit} from index {everything[start].index} on are {wanted}, not {found}")
    return "the messages come in order, from the index and up to the number that were asked for"


@case("12.7", LIVENESS, Manner.PLAIN, lacks=no_stream, into=CASES)
async def stream_pull_past_the_end(lab: CaseContext) -> str:
    """A pull past the end hands out nothing, and what comes later is found there."""
    stream = await new_stream(lab)
    (index,) = await needed(stream.push(payload()))
    for start in (index + 1, index + FAR):
        if found := await stream.pull(start):
            raise Deviation(f"the last index is {index}; from {start} on the stream hands out {found}")
    data = payload("later")
    await needed(stream.push(data))
    found = await stream.pull(index + 1)
    if [one.data for one in found] != [data]:
        raise Deviation(f"{data!r} was pushed; from {index + 1} on the stream hands out {found}")
    return "nothing, until there is something"


# The index ------------------------------------------------------------------------------------------------------------


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index(lab: CaseContext) -> str:
    """A group that has saved nothing has no index; then it has the one that it has saved."""
    group = Group(await lab.wire(), new_name(), new_name())
    if (before := await group.saved()) is not None:
        raise Deviation(f"a group that has saved nothing has the index {before}")
    for index in (5, 8):
        group.save(index)
        if (saved := await group.saved()) != index:
            raise Deviation(f"{index} was saved, the index is {saved}")
    return "the index is the saved one"


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_behind(lab: CaseContext) -> str:
    """A save that was overtaken by a greater one does not turn the index back."""
    group = Group(await lab.wire(), new_name(), new_name())
    group.save(7)
    group.save(3)
    saved = await group.saved()
    if saved != 7:
        raise Deviation(f"7 was saved, and then 3; the index is {saved}")
    return "it stays the greatest"


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_of_each_partition(lab: CaseContext) -> str:
    """Each partition has an index of its own."""
    wire, name, stream = await lab.wire(), new_name(), new_name()
    return await kept_apart([Group(wire, name, stream, number) for number in range(PARTITIONS)])


@case("12.8", SAFETY, Manner.PLAIN, lacks=no_index, into=CASES)
async def stream_index_of_each_group(lab: CaseContext) -> str:
    """Each group of consumers, and each stream, has an index of its own."""
    wire, name, stream = await lab.wire(), new_name(), new_name()
    return await kept_apart([Group(wire, name, stream), Group(wire, new_name(), stream), Group(wire, name, new_name())])


async def kept_apart(groups: list[Group]) -> str:
    """Whether what one saves is not what another one has."""
    wanted = {group: 4 + 5 * number for number, group in reversed(list(enumerate(groups)))}
    for group, index in wanted.items():
        group.save(index)
    for group, index in wanted.items():
        if (saved := await group.saved()) != index:
            raise Deviation(f"{sorted(wanted.values())} were saved apart from each other; where {index} was is {saved}")
    return f"{len(groups)} indexes are kept apart"


async def refused(lab: CaseContext, route: Route, request: StreamRequest, what: str) -> str:
    """Whether a request is answered by `error`."""
    wire = lab.wires[0] if lab.wires else await lab.wire()
    reply = await ask(wire, route, request, what)
    if not isinstance(reply, StreamError):
        raise Deviation(f"{what} is answered by {reply}, not by an error")
    return f"error: {reply.reason[:80]}"

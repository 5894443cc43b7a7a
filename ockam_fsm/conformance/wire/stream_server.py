"""The kit as a stream service: for a publisher in profile `generation`, for a consumer on the plain protocol.

Rule 1: keepalives, creations and index requests are answered at once. A case answers pushes and pulls.
Rule 2: the memory for a node is bounded: it may create any number of partitions and save any number of indexes.
Limit: whether the node's application has processed a message is not observable on the wire.
Source: clauses 12.2 to 12.4, 12.7, 12.8, 12.10.
"""

from __future__ import annotations

from dataclasses import dataclass

from ockam_fsm.conformance.wire.case_context import FLOOD, Deviation, Undecided, Wire, fresh
from ockam_fsm.conformance.wire.initiator_context import (
    POLL_SECONDS,
    Asked,
    InitiatorContext,
    answering_keepalives,
    signal_of,
)
from ockam_fsm.conformance.wire.initiator_steps import pause_seconds
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.raw_peer import now, pause
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    GetIndex,
    Pull,
    Pulled,
    Push,
    Pushed,
    SaveIndex,
    Status,
    StoredMessage,
    StreamCreated,
    StreamError,
    StreamIndex,
    StreamRequest,
    StreamResponse,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.session.signals import Data, Keepalive, KeepaliveAnswer

MOST_PARTITIONS = 64
FEW = "let the node publish three messages at least, in one session"


def read(payload: bytes) -> StreamRequest:
    """Decode a request of the node.

    Raises:
        Deviation: it cannot be read.
    """
    try:
        return decode_request(payload)
    except RemoteSessionError as error:
        raise Deviation(f"expected a request for the stream service; got an unreadable one: {error}", "12.10") from None


@dataclass(frozen=True)
class Arrived:
    """A push of the node. `back`: the route of its confirmation."""

    push: Push
    back: Route


class Publishing:
    """A session in which the node publishes, answered by the kit as `worker`."""

    def __init__(self, asked: Asked, *, resumed: bool = False) -> None:
        self.asked, self.worker = asked, fresh("partition")
        answering_keepalives(asked, self.worker)
        asked.answer(self.worker, resumed=resumed, meaning="answer, resumed" if resumed else "answer, not resumed")

    async def arrived(self, seconds: float | None = None) -> Arrived | None:
        """The next push, None if none comes in time. `seconds`: as in `Wire.receive`.

        Raises:
            Deviation: data of the session is not a push.
        """
        while (message := await self.asked.wire.receive(self.worker, seconds=seconds)) is not None:
            signal = signal_of(message)
            if isinstance(signal, Data):
                push = read(signal.payload)
                if not isinstance(push, Push):
                    raise Deviation(f"expected pushes in a publisher's session; got a {type(push).__name__}", "12.10")
                return Arrived(push, signal.return_route)
        return None

    async def under(self, number: int, seconds: float | None = None) -> Arrived | None:
        """The next push under a number, None if none comes in time. Other pushes are skipped."""
        for _ in range(FLOOD):
            found = await self.arrived(seconds)
            if found is None or found.push.request_id == number:
                return found
        return None

    async def needed(self) -> Arrived:
        """The next push of a node that has more to publish.

        Raises:
            Undecided: none comes.
        """
        found = await self.arrived()
        if found is None:
            raise Undecided(f"no push came: {FEW}")
        return found

    def confirm(self, arrived: Arrived, status: Status = Status.OK) -> None:
        number = arrived.push.request_id
        payload = encode_response(Pushed(number, status, max(0, number - 1)))
        self.asked.send_signal(
            Data(payload, arrived.back, ()), f"confirmation of {number}: {status.name}", worker=self.worker
        )

    async def reset(self) -> None:
        """Reset the connection once the node has handled every message sent to it. Pushes that come meanwhile are lost.

        Raises:
            Undecided: the node does not answer a keepalive.
        """
        wire = self.asked.wire
        self.asked.send_signal(Keepalive(), "keepalive", worker=self.worker)
        while (message := await wire.receive(self.worker)) is not None:
            if isinstance(signal_of(message), KeepaliveAnswer):
                wire.peer.reset()
                wire.context.record.note("the connection is reset", wire.name)
                return
        raise Undecided(wire.missing("an answer to a keepalive"))


async def comes_back(initiator: InitiatorContext) -> Asked:
    """Wait for the hello that follows a failure.

    Raises:
        Undecided: none comes.
    """
    asked = await initiator.hello(initiator.patience + pause_seconds(initiator.target.durations, 1))
    if asked is None:
        raise Undecided("the publisher sends no hello after its connection was reset")
    return asked


@dataclass(frozen=True)
class Pulling:
    """A pull of the node at `worker`. `back`: the route of its response."""

    pull: Pull
    wire: Wire
    worker: Address
    back: Route

    def answer(self, *indexes: int, number: int | None = None) -> None:
        """Respond with messages under these indexes. `number`: another identifier than the pull's."""
        messages = tuple(StoredMessage(index, f"message {index}".encode()) for index in indexes)
        identifier = self.pull.request_id if number is None else number
        meaning = f"response to pull {identifier}: {', '.join(map(str, indexes)) or 'nothing'}"
        self.wire.send(self.back, encode_response(Pulled(identifier, messages)), (self.worker,), meaning)


class Consuming:
    """The streams and the index worker for one consumer. `index`: the saved index of its group."""

    def __init__(self, initiator: InitiatorContext, index: int) -> None:
        self.initiator, self.index = initiator, index
        self.workers = [fresh("partition")]
        """A worker for each partition that the node has created; a plain stream has one."""
        self.partition: int | None = None
        """The partition in the node's index requests; None: it uses the plain protocol."""
        self.saves: list[int] = []
        """The indexes that the node has saved, in order."""

    async def pulling(self, seconds: float | None = None) -> Pulling | None:
        """The next pull, None if none comes in time. `seconds` None: the patience of the run."""
        deadline = now() + (self.initiator.patience if seconds is None else seconds)
        services = local(self.initiator.target.stream_index), self.initiator.target.host
        while True:
            await self.initiator.take_connections()
            for wire in self.initiator.wires:
                while (message := await wire.receive(*services, *self.workers, seconds=0.0)) is not None:
                    if (pull := self._serve(wire, message)) is not None:
                        return Pulling(pull, wire, message.onward_route[0], message.return_route)
            if now() >= deadline:
                return None
            await pause(POLL_SECONDS)

    async def needed(self, seconds: float | None = None) -> Pulling:
        """The next pull. Raises Undecided: none comes."""
        found = await self.pulling(seconds)
        if found is None:
            raise Undecided("no pull came; let the node consume a stream at this address (--run)")
        return found

    async def has_saved(self, index: int) -> bool:
        """Whether the node saves this index in time. A save over another connection may arrive later than a pull."""
        deadline = now() + self.initiator.patience
        while index not in self.saves and now() < deadline:
            await self.pulling(POLL_SECONDS)
        return index in self.saves

    def _serve(self, wire: Wire, message: Message) -> Pull | None:
        """Answer creations and index requests (Rule 1). Return a pull, which is for the case."""
        back = message.return_route
        match read(message.payload):
            case CreateStream(name, partitions):
                self._create(wire, back, name or "named", partitions)
            case GetIndex(group, stream, partition):
                self.partition = partition
                self._respond(wire, back, StreamIndex(group, stream, self.index, partition))
            case SaveIndex(index=index):
                self.saves.append(index)
                self.index = max(self.index, index)
                if len(self.saves) > FLOOD:
                    raise Deviation(f"expected a save for each of a few messages; got more than {FLOOD}", "14.4")
            case Pull() as pull:
                return pull
        return None

    def _create(self, wire: Wire, back: Route, name: str, partitions: int | None) -> None:
        if partitions is None:
            self._respond(wire, back, StreamCreated(name))
        elif 1 <= partitions <= MOST_PARTITIONS:
            self.workers += [fresh("partition") for _ in range(partitions - len(self.workers))]
            for number in range(partitions):
                self._respond(wire, back, StreamCreated(name, number), self.workers[number])
        else:
            self._respond(wire, back, StreamError(f"expected 1 to {MOST_PARTITIONS} partitions; got {partitions}"))

    def _respond(self, wire: Wire, back: Route, response: StreamResponse, worker: Address | None = None) -> None:
        wire.send(back, encode_response(response), (worker or self.workers[0],), type(response).__name__)

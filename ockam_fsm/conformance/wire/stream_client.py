"""The kit as a client of the node's stream service: on the plain protocol, or as a publisher in profile `generation`.

Rule 1: every request has its own return route, so that a late response is not taken for another one.
Rule 2: a missing prerequisite of a case is `Undecided` (`needed`); a failure of its subject is a `Deviation`.
Source: clauses 12.3, 12.10; runtime/encoding/stream_messages.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, Undecided, Wire, fresh, new_session_id
from ockam_fsm.conformance.wire.client_session import ClientSession, hello
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.message import Message, Route, local
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
    StreamIndex,
    StreamRequest,
    StreamResponse,
    decode_response,
    encode_request,
)

T = TypeVar("T")
ALL = 100
"""The limit of a pull of all messages: more than any case pushes."""


@dataclass(frozen=True)
class Stream:
    """One partition of a stream, from the answer of the service. `route`: to its worker."""

    wire: Wire
    name: str
    partition: int | None
    route: Route

    async def confirmation(self, data: bytes, number: int = 1) -> Pushed:
        """Push a message and return its confirmation.

        Raises:
            Deviation: there is none, or another response.
        """
        reply = await ask(self.wire, self.route, Push(number, data), f"push {number}")
        if not isinstance(reply, Pushed):
            raise Deviation(f"expected a confirmation of push {number}; got {reply}", "12.6")
        return reply

    async def push(self, *messages: bytes) -> list[int]:
        """Push messages one by one, each under its own identifier. Return the confirmed indexes.

        Raises:
            Deviation: one is not confirmed as stored.
        """
        confirmed = [await self.confirmation(data, secrets.randbits(32)) for data in messages]
        if any(one.status is not Status.OK for one in confirmed):
            raise Deviation(f"expected {len(messages)} confirmations with status OK; got {confirmed}", "12.6")
        return [one.index for one in confirmed]

    async def pull(self, index: int = 0, limit: int = ALL, number: int = 1) -> tuple[StoredMessage, ...]:
        """The stored messages from `index` on.

        Raises:
            Deviation: there is no response, or one that breaks clause 12.7.
        """
        request = f"pull {number}: {limit} from index {index} on"
        reply = await ask(self.wire, self.route, Pull(number, index, limit), request)
        if not isinstance(reply, Pulled) or reply.request_id != number:
            raise Deviation(f"{request}: expected a response to pull {number}; got {reply}")
        indexes = [one.index for one in reply.messages]
        if indexes != sorted(set(indexes)) or min(indexes, default=index) < index or len(indexes) > limit:
            raise Deviation(f"{request}: expected at most {limit} rising indexes from {index} on; got {indexes}")
        return reply.messages

    async def everything(self, number: int = 1) -> list[StoredMessage]:
        """All stored messages, in order. A response may have fewer than the limit, so pulls go on until one is empty.

        Raises:
            Deviation: as `pull`, or the responses do not end.
        """
        found: list[StoredMessage] = []
        while more := await self.pull(found[-1].index + 1 if found else 0, number=number):
            found += more
            if len(found) > ALL:
                raise Deviation(f"expected the few messages pushed to the stream; pulls return more than {ALL}", "12.7")
        return found

    async def kept(self) -> list[bytes]:
        """The data of `everything`."""
        return [one.data for one in await self.everything()]


async def ask(wire: Wire, route: Route, request: StreamRequest, meaning: str) -> StreamResponse:
    """Send a request and return its response.

    Raises:
        Deviation: there is none, or it cannot be read.
    """
    back = fresh("client")
    wire.send(route, encode_request(request), (back,), meaning)
    return read(await wire.need(back, what=f"a response to {meaning}"))


def read(message: Message) -> StreamResponse:
    """The response in a message of the service.

    Raises:
        Deviation: it cannot be read.
    """
    try:
        return decode_response(message.payload)
    except RemoteSessionError as error:
        raise Deviation(f"expected a response of the stream service; got an unreadable one: {error}", "12.10") from None


def new_name() -> str:
    """A stream name that was never used."""
    return fresh("stream").value.decode()


async def created(wire: Wire, name: str | None, partitions: int | None = None) -> list[Stream]:
    """Create a stream. Return its partitions, in the order of their answers.

    Raises:
        Deviation: an answer is missing, cannot be read, or has no return route.
    """
    back, request = fresh("client"), f"create stream {name or 'of any name'}"
    if partitions is not None:
        request += f" of {partitions} partitions"
    wire.send((local(wire.context.target.stream),), encode_request(CreateStream(name, partitions)), (back,), request)
    return [answered(wire, await wire.need(back, what=f"an answer to {request}")) for _ in range(partitions or 1)]


def answered(wire: Wire, message: Message) -> Stream:
    """The partition in the answer to a creation."""
    answer = read(message)
    if not isinstance(answer, StreamCreated) or not message.return_route:
        got = f"{answer} with the return route {message.return_route}"
        raise Deviation(f"expected an answer to the creation of a stream, with a return route; got {got}")
    return Stream(wire, answer.stream_name, answer.partition, message.return_route)


async def needed(step: Awaitable[T]) -> T:
    """Run a prerequisite of a case (Rule 2). Raises Undecided: it fails."""
    try:
        return await step
    except Deviation as error:
        raise Undecided(f"no stream for this case: {error.reason}") from None


async def new_stream(context: CaseContext) -> Stream:
    """A new stream of one partition.

    Raises:
        Undecided: it cannot be created.
    """
    return (await needed(created(await context.wire(), new_name())))[0]


# The index ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A group of consumers of one partition of a stream, for the index worker. `partition` None: plain protocol."""

    wire: Wire
    name: str
    stream: str
    partition: int | None = None

    def save(self, index: int) -> None:
        """Save an index. There is no response."""
        request = SaveIndex(self.name, self.stream, index, self.partition)
        self.wire.send(self._worker, encode_request(request), (fresh("client"),), f"save index {index}{self._where}")

    async def saved(self) -> int | None:
        """The saved index.

        Raises:
            Deviation: no response, or one for another group, stream or partition.
        """
        request = GetIndex(self.name, self.stream, self.partition)
        reply = await ask(self.wire, self._worker, request, f"get the index{self._where}")
        asked = (self.name, self.stream, self.partition)
        if not isinstance(reply, StreamIndex) or (reply.client_id, reply.stream_name, reply.partition) != asked:
            raise Deviation(f"expected the index of group, stream and partition {asked}; got {reply}")
        return reply.index

    @property
    def _where(self) -> str:
        return "" if self.partition is None else f" of partition {self.partition}"

    @property
    def _worker(self) -> Route:
        return (local(self.wire.context.target.stream_index),)


# Publishers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KitPublisher:
    """A publisher's session with a partition (clause 12.10), under the identity `session_id`."""

    session: ClientSession

    @property
    def resumed(self) -> bool:
        """Whether the answer has `resumed`: the stream has a record of this publisher."""
        return self.session.answer.resumed

    async def again(self) -> KitPublisher:
        """Open the next generation of the same identity.

        Raises:
            Deviation: the hello is not answered.
        """
        old = self.session.attempt
        return await _opened(old.wire, old.onward, old.session_id, old.generation.number + 1)

    async def confirmation(self, number: int, data: bytes, seconds: float | None = None) -> Pushed | None:
        """Push a message under its number. Return its confirmation, or None. `seconds`: as in `Wire.receive`.

        Raises:
            Deviation: another response comes.
        """
        back = fresh("reply")
        self.session.data(encode_request(Push(number, data)), onward=(), reply=back, meaning=f"push {number}")
        if seconds is not None:
            await self.session.wire.settled()
        payload = await self.session.reply(back, seconds)
        if payload is None:
            return None
        reply = read(Message((back,), (), payload))
        if not isinstance(reply, Pushed) or reply.request_id != number:
            raise Deviation(f"expected a confirmation of a publisher's push {number}; got {reply}", "12.3")
        return reply

    async def push(self, *messages: tuple[int, bytes]) -> None:
        """Push each message under its number and wait for its confirmation.

        Raises:
            Deviation: one is not confirmed.
        """
        for number, data in messages:
            reply = await self.confirmation(number, data)
            if reply is None or reply.status is not Status.OK:
                got = reply or "nothing"
                raise Deviation(f"expected a confirmation of a publisher's push {number}; got {got}", "12.3")


async def publisher(stream: Stream, partition: int | None = None) -> KitPublisher:
    """Open a publisher's session as a new identity. `partition` None: the route names none.

    Raises:
        Deviation: the hello is not answered.
    """
    target = stream.wire.context.target
    end = () if partition is None else (local(str(partition)),)
    return await _opened(stream.wire, (local(target.stream), local(stream.name), *end), new_session_id(target.profile))


async def _opened(wire: Wire, onward: Route, identity: bytes, number: int = 1) -> KitPublisher:
    attempt = hello(wire, session_id=identity, number=number, own_route=(), onward=onward)
    attempt.send(f"hello of a publisher, generation {number}")
    return KitPublisher(await attempt.talk())

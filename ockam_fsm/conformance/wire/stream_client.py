"""The kit as a client of the node's stream service: plain, and in profile `generation` as a publisher.

Rule 1: every request has a return route of its own, so that what comes late is not taken for something else.
Rule 2: what a case only needs, and does not get, is `Undecided` (`needed`); what it is about is a `Deviation`.
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
"""How many messages a pull asks for, where it asks for all of them: more than any case pushes."""


@dataclass(frozen=True)
class Stream:
    """One partition of a stream, as the service has told of it. `route`: to its worker."""

    wire: Wire
    name: str
    partition: int | None
    route: Route

    async def confirmation(self, data: bytes, number: int = 1) -> Pushed:
        """Push, and hear how it is confirmed.

        Raises:
            Deviation: it is not, or by something else.
        """
        reply = await ask(self.wire, self.route, Push(number, data), f"push {number}")
        if not isinstance(reply, Pushed):
            raise Deviation(f"push {number} is confirmed by {reply}", "12.6")
        return reply

    async def push(self, *messages: bytes) -> list[int]:
        """Push one after another, each under an identifier of its own; the indexes of their confirmations.

        Raises:
            Deviation: one is not confirmed as stored.
        """
        confirmed = [await self.confirmation(data, secrets.randbits(32)) for data in messages]
        if any(one.status is not Status.OK for one in confirmed):
            raise Deviation(f"the confirmations of {len(messages)} pushes say {confirmed}", "12.6")
        return [one.index for one in confirmed]

    async def pull(self, index: int = 0, limit: int = ALL, number: int = 1) -> tuple[StoredMessage, ...]:
        """What the stream keeps from `index` on.

        Raises:
            Deviation: the pull is not answered, or not as clause 12.7 asks.
        """
        said = f"pull {number}: {limit} from index {index} on"
        reply = await ask(self.wire, self.route, Pull(number, index, limit), said)
        if not isinstance(reply, Pulled) or reply.request_id != number:
            raise Deviation(f"{said}: the response is {reply}")
        indexes = [one.index for one in reply.messages]
        if indexes != sorted(set(indexes)) or min(indexes, default=index) < index or len(indexes) > limit:
            raise Deviation(f"{said}: the response has the indexes {indexes}")
        return reply.messages

    async def everything(self, number: int = 1) -> list[StoredMessage]:
        """All that it keeps, in order. A response may hold less than was asked for, so pulls go on until one is empty.

        Raises:
            Deviation: as `pull`, or there is no end.
        """
        found: list[StoredMessage] = []
        while more := await self.pull(found[-1].index + 1 if found else 0, number=number):
            found += more
            if len(found) > ALL:
                raise Deviation(f"a stream to which a few messages were pushed hands out more than {ALL}", "12.7")
        return found

    async def kept(self) -> list[bytes]:
        """The data of `everything`."""
        return [one.data for one in await self.everything()]


async def ask(wire: Wire, route: Route, request: StreamRequest, meaning: str) -> StreamResponse:
    """One request, and its response.

    Raises:
        Deviation: there is none, or it cannot be read.
    """
    back = fresh("client")
    wire.send(route, encode_request(request), (back,), meaning)
    return read(await wire.need(back, what=f"response to {meaning}"))


def read(message: Message) -> StreamResponse:
    """What a message of the service says.

    Raises:
        Deviation: it cannot be read.
    """
    try:
        return decode_response(message.payload)
    except RemoteSessionError as error:
        raise Deviation(f"what the stream service says cannot be read: {error}", "12.10") from None


def new_name() -> str:
    """A name that no stream has."""
    return fresh("stream").value.decode()


async def created(wire: Wire, name: str | None, partitions: int | None = None) -> list[Stream]:
    """Have the service create a stream: its partitions, in the order of their answers.

    Raises:
        Deviation: an answer is missing, is none, or leads nowhere.
    """
    back, said = fresh("client"), f"create stream {name or 'of any name'}"
    if partitions is not None:
        said += f" of {partitions} partitions"
    wire.send((local(wire.lab.target.stream),), encode_request(CreateStream(name, partitions)), (back,), said)
    return [answered(wire, await wire.need(back, what=f"answer to {said}")) for _ in range(partitions or 1)]


def answered(wire: Wire, message: Message) -> Stream:
    """The partition that an answer tells of."""
    answer = read(message)
    if not isinstance(answer, StreamCreated) or not message.return_route:
        raise Deviation(f"the answer to the creation of a stream is {answer}, by way of {message.return_route}")
    return Stream(wire, answer.stream_name, answer.partition, message.return_route)


async def needed(step: Awaitable[T]) -> T:
    """What a case only needs (Rule 2)."""
    try:
        return await step
    except Deviation as error:
        raise Undecided(f"no stream for this case: {error.reason}") from None


async def new_stream(lab: CaseContext) -> Stream:
    """A new stream of one partition.

    Raises:
        Undecided: it could not be had.
    """
    return (await needed(created(await lab.wire(), new_name())))[0]


# The index ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A group of consumers of one partition of a stream, at the index worker. `partition` None: plain protocol."""

    wire: Wire
    name: str
    stream: str
    partition: int | None = None

    def save(self, index: int) -> None:
        """A save has no response."""
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
            raise Deviation(f"asked for the index of {asked}, the response is {reply}")
        return reply.index

    @property
    def _where(self) -> str:
        return "" if self.partition is None else f" of partition {self.partition}"

    @property
    def _worker(self) -> Route:
        return (local(self.wire.lab.target.stream_index),)


# Publishers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Publisher:
    """A publisher's session with a partition (clause 12.10), under the identity `session_id`."""

    session: ClientSession

    @property
    def resumed(self) -> bool:
        """Whether the stream says that it has a record of this publisher."""
        return self.session.answer.resumed

    async def again(self) -> Publisher:
        """The same identity, in its next generation.

        Raises:
            Deviation: the hello is not answered.
        """
        old = self.session.attempt
        return await _opened(old.wire, old.door, old.session_id, old.generation.number + 1)

    async def confirmation(self, number: int, data: bytes, seconds: float | None = None) -> Pushed | None:
        """Push a message under its number; its confirmation, or None. `seconds`: as in `Wire.hear`.

        Raises:
            Deviation: something else comes for it.
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
            raise Deviation(f"push {number} of a publisher is confirmed by {reply}", "12.3")
        return reply

    async def push(self, *messages: tuple[int, bytes]) -> None:
        """Push each under its number, and see it confirmed.

        Raises:
            Deviation: one is not.
        """
        for number, data in messages:
            reply = await self.confirmation(number, data)
            if reply is None or reply.status is not Status.OK:
                why = reply or "nothing came"
                raise Deviation(f"push {number} of a publisher is not confirmed: {why}", "12.3")


async def publisher(stream: Stream, partition: int | None = None) -> Publisher:
    """Open a publisher's session, as an identity of its own. `partition` None: the route names none.

    Raises:
        Deviation: the hello is not answered.
    """
    target = stream.wire.lab.target
    end = () if partition is None else (local(str(partition)),)
    return await _opened(stream.wire, (local(target.stream), local(stream.name), *end), new_session_id(target.profile))


async def _opened(wire: Wire, door: Route, identity: bytes, number: int = 1) -> Publisher:
    attempt = hello(wire, session_id=identity, number=number, own_route=(), door=door)
    attempt.send(f"hello of a publisher, generation {number}")
    return Publisher(await attempt.talk())

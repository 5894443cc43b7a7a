"""Sessions in which the kit is the initiator, in both profiles, with hellos that a case may malform.

Rule 1: a hello is a value whose every part a case can replace.
Rule 2: the messaging route is that of clause 5.1: the return route of the answer, with its last address replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    Undecided,
    Wire,
    frame,
    fresh,
    new_session_id,
    payload,
)
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.raw_peer import now
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.handshake import GENERATION, Place, Profile, worker_route
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
)

NO_SESSION = "no session could be opened for this case: "


@dataclass(frozen=True)
class Attempt:
    """A hello, sent or not. `back`: its return route. `onward`: its onward route, if not to the spawner."""

    wire: Wire
    session_id: bytes
    generation: Generation
    back: Route
    own_route: Route = ()
    onward: Route = ()

    @property
    def profile(self) -> Profile:
        return self.wire.context.target.profile

    @property
    def payload(self) -> bytes:
        return self.profile.encode(Hello(self.session_id, self.generation, self.own_route))

    def send(self, meaning: str = "", *, wire: Wire | None = None) -> None:
        meaning = meaning or f"hello{f', generation {self.generation}' if self.profile.names_sessions else ''}"
        self.wire.asked.setdefault(self.generation.address, now())
        (wire or self.wire).send(self.onward or (self.wire.context.target.host,), self.payload, self.back, meaning)

    async def answered(self, seconds: float | None = None) -> Message | None:
        """The reply to the hello, of any kind."""
        return await self.wire.receive(self.back[-1], seconds=seconds)

    def is_refused_by(self, message: Message) -> bool:
        """Whether the reply is an error: the spawner made no responder (clause 4.9)."""
        return self.profile.names_sessions and isinstance(_read(message), Error)

    async def taken(self, seconds: float | None = None) -> bool:
        """Whether a reply to the hello comes that is not an error."""
        message = await self.answered(seconds)
        return message is not None and not self.is_refused_by(message)

    async def talk(self) -> ClientSession:
        """Wait for the answer and return the session that it completes.

        Raises:
            Deviation: no answer comes, or another reply.
        """
        message = await self.answered()
        if message is None:
            raise Deviation(self.wire.missing("an answer to the hello"))
        return self.completed(message)

    def completed(self, message: Message) -> ClientSession:
        try:
            answer = self.profile.decode(message.payload, Place.HANDSHAKE, message.return_route)
            if not isinstance(answer, Answer):
                raise Deviation(f"expected an answer to the hello; got {answer}")
            route = worker_route(message.return_route, answer.worker)
        except RemoteSessionError as error:
            got = message.payload[:40].hex() or "an empty payload"
            raise Deviation(f"expected an answer to the hello; got {got} ({error})") from None
        if answer.generation not in (None, self.generation) or answer.session_id != self.session_id:
            got = f"{answer.session_id.hex()}, generation {answer.generation}"
            wanted = f"{self.session_id.hex()}, generation {self.generation}"
            raise Deviation(f"expected an answer for session {wanted}; got one for session {got}")
        talk = ClientSession(self.wire, self, answer, route)
        if self.profile.names_sessions:
            reply = frame(Message(route, (talk.inner,), GENERATION.encode(KeepaliveAnswer())))
            self.wire.answers[talk.inner] = (GENERATION.encode(Keepalive()), reply)
        return talk


@dataclass(frozen=True)
class ClientSession:
    """A session with the node under test, completed by its answer."""

    wire: Wire
    attempt: Attempt
    answer: Answer
    route: Route

    @property
    def inner(self) -> Address:
        return self.attempt.generation.address

    @property
    def worker(self) -> Address:
        return self.route[-1]

    @property
    def alone_seconds(self) -> float:
        """For how long the kit has not asked this session with a reply."""
        return now() - self.wire.asked[self.inner]

    @property
    def is_closed(self) -> bool:
        """Whether the node has closed the session, as far as its messages were read."""
        return self.inner in self.wire.closed

    def send_signal(self, signal: Signal, meaning: str, *, wire: Wire | None = None) -> None:
        """Send a signal of profile `generation` to the node's end."""
        (wire or self.wire).send(self.route, GENERATION.encode(signal), (self.inner,), meaning)

    def close(self) -> Close:
        """The close of this session by the kit."""
        return Close.of(self.attempt.session_id, self.attempt.generation, "done")

    def close_at_host(self, close: Close, meaning: str) -> None:
        """Send a close along the initialization route."""
        self.wire.send((self.wire.context.target.host,), GENERATION.encode(close), (fresh("back"),), meaning)

    def data(
        self,
        data: bytes,
        *,
        reply: Address | None = None,
        onward: Route | None = None,
        wire: Wire | None = None,
        meaning: str = "",
    ) -> None:
        """Send data that comes back. `reply`: the reply address (None: this end). `onward`: the route beyond the
        session (None: that of `KitRun.onward`)."""
        beyond, meaning = self.wire.context.run.onward if onward is None else onward, meaning or "data"
        if self.attempt.profile.names_sessions:
            self.send_signal(Data(data, beyond, (reply,) if reply else ()), meaning, wire=wire)
        else:
            (wire or self.wire).send((*self.route, *beyond), data, (reply or self.inner,), meaning)

    async def reply(self, reply: Address | None = None, seconds: float | None = None) -> bytes | None:
        """The next data that comes back for `reply` (None: for this end)."""
        if not self.attempt.profile.names_sessions:
            message = await self.wire.receive(reply or self.inner, seconds=seconds)
            return None if message is None else message.payload
        wanted = (reply,) if reply else ()
        while (message := await self.wire.receive(self.inner, seconds=seconds)) is not None:
            signal = _read(message)
            if isinstance(signal, Data) and signal.onward_route == wanted:
                return signal.payload
            if isinstance(signal, Close):
                self.wire.closed.add(self.inner)
        return None

    async def replies(self, addresses: Sequence[Address]) -> dict[Address, bytes]:
        """The data that comes back for each of these reply addresses, in any order. An address without data is left
        out."""
        if not self.attempt.profile.names_sessions:
            heard = {address: await self.wire.receive(address) for address in addresses}
            return {address: message.payload for address, message in heard.items() if message is not None}
        found: dict[Address, bytes] = {}
        while len(found) < len(addresses) and (message := await self.wire.receive(self.inner)) is not None:
            signal = _read(message)
            if isinstance(signal, Data):
                found |= dict.fromkeys(signal.onward_route[:1], signal.payload)
        return found

    async def ask(
        self, *, reply: Address | None = None, wire: Wire | None = None, seconds: float | None = None
    ) -> bool:
        """Whether new data comes back unchanged. Other data that comes before it (late, repeated) is skipped."""
        data, asked, alone_seconds = payload(), now(), self.alone_seconds
        self.data(data, reply=reply, wire=wire)
        while (found := await self.reply(reply, seconds)) is not None:
            if found == data:
                self.wire.asked[self.inner] = asked
                self.wire.context.run.survived_seconds = max(self.wire.context.run.survived_seconds, alone_seconds)
                return True
        return False

    async def dead(self, *, wire: Wire | None = None, meaning: str = "data") -> bool:
        """Whether new data, sent over this or another connection, has no reply."""
        other = wire or self.wire
        data = payload()
        self.data(data, wire=other, meaning=meaning)
        for one in dict.fromkeys((other, self.wire)):
            await one.settled()  # a closed connection is settled
            if one.holds(data):
                return False
        return True


def hello(
    wire: Wire,
    *,
    session_id: bytes | None = None,
    number: int = 1,
    starter: Role = Role.INITIATOR,
    inner: Address | None = None,
    back: Route | None = None,
    own_route: Route | None = None,
    onward: Route = (),
) -> Attempt:
    """A hello to the spawner, or along `onward`, not sent yet. In profile `ockam` it has a handshake address for the
    answer."""
    profile = wire.context.target.profile
    address = inner or fresh("inner")
    default = (address,) if profile.names_sessions else (fresh("handshake"),)
    identifier = new_session_id(profile) if session_id is None else session_id
    contact = wire.context.run.contact if own_route is None else own_route
    generation = Generation(number, starter, address)
    return Attempt(wire, identifier, generation, default if back is None else back, contact, onward)


def at_once(wire: Wire, number: int) -> list[Attempt]:
    """Send hellos for `number` sessions."""
    attempts = [hello(wire) for _ in range(number)]
    for attempt in attempts:
        attempt.send()
    return attempts


async def is_bounded(wire: Wire, number: int) -> bool:
    """Whether at least one of `number` further hellos makes no responder. If not, the spawner's places show nothing."""
    attempts = at_once(wire, number)
    await wire.settled()
    return not all([await attempt.taken(0.0) for attempt in attempts])


async def session(wire: Wire, *, confirmed: bool = True) -> ClientSession:
    """Open a session. `confirmed`: also confirm its generation.

    Raises:
        Undecided: the session could not be opened or confirmed.
    """
    attempt = hello(wire)
    attempt.send()
    try:
        talk = await attempt.talk()
    except Deviation as error:
        raise Undecided(NO_SESSION + error.reason) from None
    if confirmed:
        await confirm(talk)
    return talk


async def confirm(talk: ClientSession) -> None:
    """Confirm a generation by data. Raises Undecided: it does not come back."""
    if not await talk.ask():
        raise Undecided(f"{NO_SESSION}{talk.wire.missing('a reply to data')}")


async def next_generation(talk: ClientSession, *, by: int = 1) -> ClientSession:
    """Negotiate the session again, without confirming the new generation. Raises the errors of `Attempt.talk`."""
    old = talk.attempt
    attempt = hello(talk.wire, session_id=old.session_id, number=old.generation.number + by)
    attempt.send()
    return await attempt.talk()


async def find_onward(context: CaseContext, wire: Wire) -> None:
    """Find out whether a session of this node sends data back by itself or by the echo worker (`KitRun.onward`).

    Raises:
        Undecided: data comes back in neither way.
    """
    for onward in ((), (local(context.target.echo),) if context.target.echo else ()):
        context.run.onward = onward
        talk = await session(wire, confirmed=False)
        if await talk.ask():
            return
    context.run.onward = ()
    raise Undecided(
        "data sent through a session does not come back: neither its worker nor that of --echo sends it back"
    )


def as_first(attempt: Attempt, number: int) -> Attempt:
    """The same hello with another number."""
    return replace(attempt, generation=attempt.generation._replace(number=number))


def _read(message: Message) -> Signal | None:
    try:
        return GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError:
        return None

"""Sessions that the kit holds as their initiator, in both profiles, and as crookedly as a case asks for.

Rule 1: a hello is a value with every part replaceable; what is made of it is what the case is about.
Rule 2: the kit learns its route from the answer as clause 5.1 says: the return route, its last address replaced.
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

NO_SESSION = "no session for this case: "


@dataclass(frozen=True)
class Attempt:
    """A hello and what it is waiting for. `back`: the return route that it carries. `door`: where it goes, if
    not to the spawner."""

    wire: Wire
    session_id: bytes
    generation: Generation
    back: Route
    own_route: Route = ()
    door: Route = ()

    @property
    def profile(self) -> Profile:
        return self.wire.lab.target.profile

    @property
    def payload(self) -> bytes:
        return self.profile.encode(Hello(self.session_id, self.generation, self.own_route))

    def send(self, meaning: str = "", *, wire: Wire | None = None) -> None:
        said = meaning or f"hello{f', generation {self.generation}' if self.profile.names_sessions else ''}"
        (wire or self.wire).send(self.door or (self.wire.lab.target.host,), self.payload, self.back, said)

    async def answered(self, seconds: float | None = None) -> Message | None:
        """The reply to it, whatever it is."""
        return await self.wire.hear(self.back[-1], seconds=seconds)

    def is_refused_by(self, message: Message) -> bool:
        """Whether the reply is an error: no responder was made (clause 4.9)."""
        return self.profile.names_sessions and isinstance(_read(message), Error)

    async def taken(self, seconds: float | None = None) -> bool:
        """Whether the reply to it, if one comes, is no error."""
        message = await self.answered(seconds)
        return message is not None and not self.is_refused_by(message)

    async def talk(self) -> ClientSession:
        """The session that the answer completes.

        Raises:
            Deviation: no answer, or one that is none.
        """
        message = await self.answered()
        if message is None:
            raise Deviation(self.wire.missing("answer to the hello"))
        return self.completed(message)

    def completed(self, message: Message) -> ClientSession:
        try:
            answer = self.profile.decode(message.payload, Place.HANDSHAKE, message.return_route)
            if not isinstance(answer, Answer):
                raise Deviation(f"the reply to the hello is a {type(answer).__name__}, not an answer")
            route = worker_route(message.return_route, answer.worker)
        except RemoteSessionError as error:
            raise Deviation(f"the reply to the hello is no answer: {error}") from None
        if answer.generation not in (None, self.generation) or answer.session_id != self.session_id:
            raise Deviation("the answer names another session or generation than the hello")
        talk = ClientSession(self.wire, self, answer, route)
        if self.profile.names_sessions:
            reply = frame(Message(route, (talk.inner,), GENERATION.encode(KeepaliveAnswer())))
            self.wire.answers[talk.inner] = (GENERATION.encode(Keepalive()), reply)
        return talk


@dataclass(frozen=True)
class ClientSession:
    """A session with the node under test, as its answer has completed it."""

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

    def say(self, signal: Signal, meaning: str, *, wire: Wire | None = None) -> None:
        """Profile generation: a signal to the node's end."""
        (wire or self.wire).send(self.route, GENERATION.encode(signal), (self.inner,), meaning)

    def close(self) -> Close:
        """The kit closes this session."""
        return Close.of(self.attempt.session_id, self.attempt.generation, "done")

    def close_at_host(self, close: Close, meaning: str) -> None:
        """Without its messaging route."""
        self.wire.send((self.wire.lab.target.host,), GENERATION.encode(close), (fresh("back"),), meaning)

    def data(
        self,
        data: bytes,
        *,
        reply: Address | None = None,
        onward: Route | None = None,
        wire: Wire | None = None,
        meaning: str = "",
    ) -> None:
        """Data of the application, whose reply goes to `reply` (none: to this end), for whoever sends data back."""
        way, said = self.wire.lab.run.onward if onward is None else onward, meaning or "data"
        if self.attempt.profile.names_sessions:
            self.say(Data(data, way, (reply,) if reply else ()), said, wire=wire)
        else:
            (wire or self.wire).send((*self.route, *way), data, (reply or self.inner,), said)

    async def reply(self, reply: Address | None = None, seconds: float | None = None) -> bytes | None:
        """The next data that comes back for `reply` (none: for this end)."""
        if not self.attempt.profile.names_sessions:
            message = await self.wire.hear(reply or self.inner, seconds=seconds)
            return None if message is None else message.payload
        wanted = (reply,) if reply else ()
        while (message := await self.wire.hear(self.inner, seconds=seconds)) is not None:
            signal = _read(message)
            if isinstance(signal, Data) and signal.onward_route == wanted:
                return signal.payload
        return None

    async def replies(self, addresses: Sequence[Address]) -> dict[Address, bytes]:
        """What comes back for each of these reply addresses, in whatever order; where nothing comes there is none."""
        if not self.attempt.profile.names_sessions:
            heard = {address: await self.wire.hear(address) for address in addresses}
            return {address: message.payload for address, message in heard.items() if message is not None}
        found: dict[Address, bytes] = {}
        while len(found) < len(addresses) and (message := await self.wire.hear(self.inner)) is not None:
            signal = _read(message)
            if isinstance(signal, Data):
                found |= dict.fromkeys(signal.onward_route[:1], signal.payload)
        return found

    async def ask(
        self, *, reply: Address | None = None, wire: Wire | None = None, seconds: float | None = None
    ) -> bool:
        """Whether data comes back as it was sent. What comes before it (late, twice) is other cases' business."""
        data = payload()
        self.data(data, reply=reply, wire=wire)
        while (found := await self.reply(reply, seconds)) is not None:
            if found == data:
                return True
        return False

    async def dead(self, *, wire: Wire | None = None, meaning: str = "data") -> bool:
        """Whether data, sent over this or another connection, has no reply."""
        other = wire or self.wire
        data = payload()
        self.data(data, wire=other, meaning=meaning)
        for one in dict.fromkeys((other, self.wire)):
            await one.settled()  # a wire that has ended is settled
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
    door: Route = (),
) -> Attempt:
    """A hello to the spawner, or to `door`, not sent yet. In profile ockam the answer arrives at a handshake address of
    its own."""
    profile = wire.lab.target.profile
    address = inner or fresh("inner")
    default = (address,) if profile.names_sessions else (fresh("handshake"),)
    identifier = new_session_id(profile) if session_id is None else session_id
    contact = wire.lab.run.contact if own_route is None else own_route
    generation = Generation(number, starter, address)
    return Attempt(wire, identifier, generation, default if back is None else back, contact, door)


def at_once(wire: Wire, number: int) -> list[Attempt]:
    """Hellos for so many sessions, all sent."""
    attempts = [hello(wire) for _ in range(number)]
    for attempt in attempts:
        attempt.send()
    return attempts


async def is_bounded(wire: Wire, number: int) -> bool:
    """Whether of so many hellos more one at least makes no responder. Without that, room shows nothing."""
    attempts = at_once(wire, number)
    await wire.settled()
    return not all([await attempt.taken(0.0) for attempt in attempts])


async def session(wire: Wire, *, confirmed: bool = True) -> ClientSession:
    """A session that stands; `confirmed`: the node knows it too.

    Raises:
        Undecided: it could not be had.
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
    """Let the node hear the kit in this generation."""
    if not await talk.ask():
        raise Undecided(f"{NO_SESSION}data does not come back ({talk.wire.missing('reply')})")


async def next_generation(talk: ClientSession, *, by: int = 1) -> ClientSession:
    """The same session negotiated once more; the new generation is not confirmed. Raises Deviation."""
    old = talk.attempt
    attempt = hello(talk.wire, session_id=old.session_id, number=old.generation.number + by)
    attempt.send()
    return await attempt.talk()


async def find_onward(lab: CaseContext, wire: Wire) -> None:
    """Find out how a session of this node sends data back: by itself, or by its echo worker.

    Raises:
        Undecided: in neither way.
    """
    for onward in ((), (local(lab.target.echo),) if lab.target.echo else ()):
        lab.run.onward = onward
        talk = await session(wire, confirmed=False)
        if await talk.ask():
            return
    lab.run.onward = ()
    raise Undecided("data that is sent through a session does not come back: its worker does not echo, nor does --echo")


def as_first(attempt: Attempt, number: int) -> Attempt:
    """The same hello under another number."""
    return replace(attempt, generation=attempt.generation._replace(number=number))


def _read(message: Message) -> Signal | None:
    try:
        return GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError:
        return None

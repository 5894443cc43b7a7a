"""Whoever plays the peer of a target: what it knows, what it may do, and what a stimulus is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ockam_fsm.conformance.reference.reference_end import ReferenceEnd
from ockam_fsm.conformance.target import (
    HOP,
    OUR_CARRIER,
    Order,
    Ordered,
)
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import (
    Close,
    Generation,
    Signal,
)


@dataclass(frozen=True, slots=True)
class Arrive:
    """A message arrives. `unheard`: it is not for the end to hear, whatever it says: nothing may follow."""

    message: Message
    carrier: str = OUR_CARRIER
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """The application, or the layer below, orders something."""

    order: Order


Single: TypeAlias = Arrive | Wait | Do


@dataclass(frozen=True, slots=True)
class AtOnce:
    """An order that is given in the same moment: what follows from `first` without delay has not happened yet."""

    first: Arrive | Do
    then: Do


Action: TypeAlias = Single | AtOnce


def singles(action: Action) -> tuple[Single, ...]:
    return (action.first, action.then) if isinstance(action, AtOnce) else (action,)


def ordered(action: Action) -> Ordered | None:
    """The order that an action is, or ends with."""
    last = singles(action)[-1]
    return last.order.what if isinstance(last, Do) else None


def perform(end: ReferenceEnd, action: Single) -> bool:
    """Whether our end refuses it."""
    match action:
        case Arrive(message, carrier):
            end.deliver(message, carrier)
        case Wait(seconds):
            end.advance(seconds)
        case Do(order):
            try:
                end.order(order)
            except LocalSessionError:
                return True
    return False


class Peer:
    """Whoever plays the other end: it knows what our reference knows, and what it has said itself."""

    def __init__(self, end: ReferenceEnd) -> None:
        self.end = end
        self.endpoint = end.endpoint
        self.profile = end.endpoint.profile
        self.made = 0
        self.numbered = 0
        self.ended: list[Address] = []
        """Inner addresses that the target has had."""
        self.asked: list[tuple[Generation, Address]] = []
        """Its attempts, and where their answers arrive."""
        self.live: dict[Address, None] = {}
        self.greeted: Generation | None = None
        """The generation of the peer's that the target has answered last."""

    @property
    def session(self) -> Session | None:
        return self.end.session

    @property
    def session_id(self) -> bytes:
        """That of the newest session: a host may have several."""
        return self.session.terms.session_id if self.session is not None else self.endpoint.session_id

    @property
    def role(self) -> Role:
        """The peer's own."""
        return Role(1 - self.endpoint.role)

    @property
    def seen(self) -> tuple[int, int]:
        """The largest generation that the target knows, an attempt that is not confirmed included."""
        return self.session.largest if self.session is not None else self.confirmed

    @property
    def confirmed(self) -> tuple[int, int]:
        """The largest that it will know whatever becomes of its attempt."""
        session, remembered = self.session, self.endpoint.remembered
        if session is not None:
            return session.seen
        return (remembered, Role.INITIATOR if remembered else Role.RESPONDER)

    def close_in(self, link: Link | None) -> Close | None:
        """The close that the peer says in a generation."""
        return None if link is None else Close.of(self.session_id, link.generation, "done")

    def close(self, *, earlier: int = 0) -> Close | None:
        """That along the initialization route; `earlier`: as it was said so many generations ago."""
        named = self.session.closing(own=False) if self.session is not None else None
        return None if named is None else Close(self.session_id, self.seen[0] - earlier, named, "done")

    def links(self) -> Iterator[Link]:
        session = self.session
        if session is not None:
            yield from (link for link in (session.attempt, session.current) if link is not None)

    def own_attempt(self) -> Link | None:
        """The negotiation that the target has started."""
        session = self.session
        attempt = session.attempt if session is not None else None
        return attempt if session is not None and attempt is not None and session.is_own(attempt) else None

    def answered(self) -> Link | None:
        """The negotiation of the peer's that the target has answered, and that nothing has confirmed."""
        session = self.session
        attempt = session.attempt if session is not None else None
        return attempt if session is not None and attempt is not None and not session.is_own(attempt) else None

    def current(self) -> Link | None:
        return self.session.current if self.session is not None else None

    def fresh(self, what: str = "peer") -> Address:
        self.made += 1
        return local(f"{what}/{self.made}")

    def label(self, letter: str) -> bytes:
        self.numbered += 1
        return f"{letter}{self.numbered}".encode()

    def observe(self) -> None:
        """After a step: which addresses the target has now, and which it has no more."""
        live = {link.inner: None for link in self.links()}
        self.ended += [address for address in self.live if address not in live]
        self.live = live
        if (answered := self.answered()) is not None:
            self.greeted = answered.generation
        attempt = self.own_attempt()
        if attempt is not None and (not self.asked or self.asked[-1][0] != attempt.generation):
            self.asked.append((attempt.generation, attempt.handshake or attempt.inner))

    def say(self, to: Address, signal: Signal, back: Route, beyond: Route = ()) -> Arrive | None:
        """Nothing, if the profile cannot say it."""
        if not self.profile.speaks(signal):
            return None
        return Arrive(Message((to, *beyond), back, self.profile.encode(signal)))

    def talk(self, link: Link | None, signal: Signal | None) -> Arrive | None:
        """At an inner address."""
        if link is None or signal is None:
            return None
        return self.say(link.inner, signal, (HOP, link.route[-1] if link.route else local("peer/0")))


Build: TypeAlias = Callable[[Peer], Action | None]


@dataclass(frozen=True)
class Stimulus:
    """`event`: what our session takes it for, where that is one event. `clause`: which one says what must follow."""

    name: str
    event: Event | None
    clause: str
    build: Build

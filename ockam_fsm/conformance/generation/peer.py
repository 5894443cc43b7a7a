"""The simulated peer of a target: its knowledge, its actions, and the definition of a stimulus."""

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
    """A message arrives. `unheard`: the end must ignore it, so the reference does not receive it."""

    message: Message
    carrier: str = OUR_CARRIER
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """An order of the application or of the lower layer."""

    order: Order


Single: TypeAlias = Arrive | Wait | Do


@dataclass(frozen=True, slots=True)
class AtOnce:
    """An order in the same moment as `first`, before the immediate consequences of `first`."""

    first: Arrive | Do
    then: Do


PeerAction: TypeAlias = Single | AtOnce


def singles(action: PeerAction) -> tuple[Single, ...]:
    return (action.first, action.then) if isinstance(action, AtOnce) else (action,)


def ordered(action: PeerAction) -> Ordered | None:
    """The order in an action, or None."""
    last = singles(action)[-1]
    return last.order.what if isinstance(last, Do) else None


def perform(end: ReferenceEnd, action: Single) -> bool:
    """Perform an action in the reference end. Return whether it refuses an order."""
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
    """The simulated peer. It derives its messages from the state of the reference end and from its own earlier ones."""

    def __init__(self, end: ReferenceEnd) -> None:
        self.end = end
        self.endpoint = end.endpoint
        self.profile = end.endpoint.profile
        self.made = 0
        self.numbered = 0
        self.ended: list[Address] = []
        """Inner addresses of the target's ended generations."""
        self.asked: list[tuple[Generation, Address]] = []
        """The attempts of the target, and the addresses that take their answers."""
        self.live: dict[Address, None] = {}
        self.greeted: Generation | None = None
        """The generation of the peer that the target has answered last."""

    @property
    def session(self) -> Session | None:
        return self.end.session

    @property
    def session_id(self) -> bytes:
        """The id of the newest session; a host may have several."""
        return self.session.terms.session_id if self.session is not None else self.endpoint.session_id

    @property
    def role(self) -> Role:
        """The peer's role."""
        return Role(1 - self.endpoint.role)

    @property
    def seen(self) -> tuple[int, int]:
        """The largest generation that the target has seen, including an unconfirmed attempt."""
        return self.session.largest if self.session is not None else self.confirmed

    @property
    def confirmed(self) -> tuple[int, int]:
        """The largest generation that the target keeps even if its attempt fails."""
        session, remembered = self.session, self.endpoint.remembered
        if session is not None:
            return session.seen
        return (remembered, Role.INITIATOR if remembered else Role.RESPONDER)

    def close_in(self, link: Link | None) -> Close | None:
        """The close of the peer in a generation."""
        return None if link is None else Close.of(self.session_id, link.generation, "done")

    def close(self, *, earlier: int = 0) -> Close | None:
        """The close along the initialization route. `earlier`: with the number of so many generations before."""
        named = self.session.closing(own=False) if self.session is not None else None
        return None if named is None else Close(self.session_id, self.seen[0] - earlier, named, "done")

    def links(self) -> Iterator[Link]:
        session = self.session
        if session is not None:
            yield from (link for link in (session.attempt, session.current) if link is not None)

    def own_attempt(self) -> Link | None:
        """The attempt that the target has started."""
        session = self.session
        attempt = session.attempt if session is not None else None
        return attempt if session is not None and attempt is not None and session.is_own(attempt) else None

    def answered(self) -> Link | None:
        """The attempt of the peer that the target has answered and that is not confirmed."""
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
        """Update the addresses and attempts of the target after a step."""
        live = {link.inner: None for link in self.links()}
        self.ended += [address for address in self.live if address not in live]
        self.live = live
        if (answered := self.answered()) is not None:
            self.greeted = answered.generation
        attempt = self.own_attempt()
        if attempt is not None and (not self.asked or self.asked[-1][0] != attempt.generation):
            self.asked.append((attempt.generation, attempt.handshake or attempt.inner))

    def say(self, to: Address, signal: Signal, back: Route, beyond: Route = ()) -> Arrive | None:
        """A message with a signal; None if the profile does not have the signal."""
        if not self.profile.can_send(signal):
            return None
        return Arrive(Message((to, *beyond), back, self.profile.encode(signal)))

    def talk(self, link: Link | None, signal: Signal | None) -> Arrive | None:
        """A message with a signal to the inner address of a generation; None if there is none."""
        if link is None or signal is None:
            return None
        return self.say(link.inner, signal, (HOP, link.route[-1] if link.route else local("peer/0")))


ActionFactory: TypeAlias = Callable[[Peer], PeerAction | None]


@dataclass(frozen=True)
class Stimulus:
    """A named input. `event`: its event in the table; None: none or several. `clause`: the clause about its outputs."""

    name: str
    event: Event | None
    clause: str
    build: ActionFactory

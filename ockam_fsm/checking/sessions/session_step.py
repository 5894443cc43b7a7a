"""What one session did in one step, in the words that properties of conduct are written in (`obligations.py`).

Rule 1: everything is read from the snapshots before and after, the event and the commands; nothing is asked of the code
        that is judged.
Rule 2: a restart is no deed of a session: whoever was owed something is gone as well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple, TypeGuard

from ockam_fsm.checking.actors import Fault, Fire, Order
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.authenticity import authentic, is_first
from ockam_fsm.checking.sessions.pair_config import SESSION_ID, PairConfig
from ockam_fsm.checking.sessions.safety import (
    Change,
    Key,
    StepPredicate,
    arrival,
    changes,
    closes,
    emitted,
    largest,
    live_links,
    reaches,
    restarted,
    signal_of,
)
from ockam_fsm.checking.sessions.session_actors import CLOSE, CONTACT, ERROR, HOST_ADDRESS, INITIATOR, RESPONDER, STOP
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import LOCAL, Address, Message
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import MAX_NUMBER_JUMP, Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    Error,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)

NEGOTIATIONS = (State.NEGOTIATING, State.RENEGOTIATING)
TALK = (Data, Keepalive, KeepaliveAnswer)
SAID = (*TALK, Confirmation, Close, GoingAway, Error)
"""What is said on a messaging route."""


class SessionStep(NamedTuple):
    """What one session did in one step: all that the predicates below read."""

    step: Step
    key: Key
    before: Snapshot | None
    after: Snapshot | None
    settings: SessionConfig
    signal: Signal | None
    """What arrived, as far as it can be read."""
    address: Address | None
    """Where it arrived."""

    @property
    def was(self) -> State:
        return State.IDLE if self.before is None else self.before.state

    @property
    def came_to(self) -> State:
        """A session that its host has dropped is closed; one that nobody ever asked for is only forgotten."""
        if self.after is not None:
            return self.after.state
        return State.IDLE if self.was is State.IDLE and not self.ends_by_order else State.CLOSED

    @property
    def ends(self) -> bool:
        """It closed in this step."""
        return self.came_to is State.CLOSED and self.was is not State.CLOSED

    @property
    def ends_by_order(self) -> bool:
        return self.ordered(CLOSE) or self.ordered(STOP)

    def fired(self, timer: Timer) -> bool:
        event = self.step.event
        name = event.timer if isinstance(event, Fire) else None
        return name == (timer if self.key in (None, SESSION_ID) else (self.key, timer))

    def ordered(self, order: Hashable) -> bool:
        return self.step.event == Order(order)

    def did(self, kind: type[object]) -> list[object]:
        return emitted(self.step, self.key, kind)

    def arrived_at(self, link: Link | None) -> bool:
        return link is not None and self.address is not None and reaches(link, self.address)

    @property
    def seen(self) -> tuple[int, Role]:
        """The largest generation that the session knew, or that durable state kept of it while it was not there."""
        if self.before is not None:
            return self.before.seen[0], Role(self.before.seen[1])
        number = _remembered(self.step, self.key)
        return number, Role.INITIATOR if number else Role.RESPONDER

    @property
    def largest(self) -> tuple[int, int]:
        return largest(self.before) if self.before is not None else self.seen

    @property
    def at_contact(self) -> bool:
        """A one-sided or transient initiator has no contact address."""
        kind, role = self.settings.session_type, self.settings.role
        contact = HOST_ADDRESS if role is Role.RESPONDER else CONTACT if kind.renegotiated_by(Role.RESPONDER) else None
        return self.address is not None and self.address == contact

    @property
    def is_closed_by_peer(self) -> bool:
        """A close of the peer reached what this end is in: its current generation, the attempt that it has answered,
        or, without a messaging route, all that it knows of the session."""
        close, before = self.signal, self.before
        if not isinstance(close, Close) or before is None:
            return False
        if self.at_contact:
            return closes(close, before)
        return self.confirms or (self.was is State.ESTABLISHED and self.arrived_at(before.current))

    @property
    def confirms(self) -> bool:
        """The peer was heard at the address of the answer that this end gave it."""
        attempt = self.before.attempt if self.before is not None else None
        return self.arrived_at(attempt) and not is_own(attempt) and isinstance(self.signal, SAID)

    @property
    def adopts(self) -> bool:
        """A generation became the current one."""
        current = self.after.current if self.after is not None else None
        before = self.before.current if self.before is not None else None
        new = current is not None and (before is None or before.generation != current.generation)
        return new or self.confirms

    @property
    def heard(self) -> bool:
        """The peer was heard in the generation that is established before and after."""
        if self.before is None or self.after is None or self.was is not State.ESTABLISHED is not self.came_to:
            return False
        stays = self.came_to is State.ESTABLISHED and not self.adopts
        counts = isinstance(self.signal, TALK) and not self.did(commands.DeadLetter)
        return stays and counts and self.arrived_at(self.before.current)

    @property
    def starts(self) -> bool:
        """A negotiation of this end's own began."""
        attempt = self.after.attempt if self.after is not None else None
        return is_own(attempt) and (self.before is None or attempt != self.before.attempt)


def is_own(link: Link | None) -> TypeGuard[Link]:
    return link is not None and link.generation.address == link.inner


def every_deed(config: PairConfig, holds: Callable[[SessionStep], bool]) -> StepPredicate:
    """The step predicate that asks `holds` of each session that a step touches."""
    declared = {role: config.settings(role) for role in Role}

    def deeds(step: Step) -> Iterator[SessionStep]:
        settings = declared[Role.INITIATOR if step.actor == INITIATOR else Role.RESPONDER]
        packet = arrival(step)
        heard = signal_of(packet.message, config.profile) if packet is not None else None
        for key, before, after in (*changes(step), *_in_passing(step, heard)):
            signal = heard
            address = packet.message.onward_route[0] if packet is not None else None
            if step.event == Fault(ERROR):
                link = (before.current or before.attempt) if before is not None else None
                signal, address = Error(""), link.inner if link is not None else None
            own = key if isinstance(key, bytes) else config.session_id(step.before.incarnation)
            other = isinstance(signal, Close) and signal.session_id != own
            other |= isinstance(signal, Hello) and key is None and signal.session_id != config.session_id(0)
            known = before.seen[0] if before is not None else _remembered(step, key)
            refused = packet is not None and _is_refused(packet.message, signal, known)
            refused |= isinstance(signal, Hello) and _could_never_ask(before, signal, settings)
            if packet is not None and isinstance(config.profile, SymbolicProfile) and not is_first(packet.message):
                refused |= not authentic(packet.message, before, step.before, config.profile)
            if other or refused or not _is_for(key, before, signal, address):
                signal = address = None
            yield SessionStep(step, key, before, after, settings, signal, address)

    return lambda step: restarted(step) or all(map(holds, deeds(step)))


def _remembered(step: Step, key: Key) -> int:
    """The number that durable storage has of a session that is not there."""
    return next((number for known, number, _ in step.before.memory if known == key), 0)


def _is_refused(message: Message, signal: Signal | None, known: int) -> bool:
    """Handshake messages that say nothing: they cannot be answered (clause 5.1), their number jumps, or a hello is not
    at a contact address (4.2)."""
    match signal:
        case Hello(generation=generation):
            worker, number = generation.address, generation.number
            if message.onward_route[0] not in (HOST_ADDRESS, CONTACT):
                return True
        case Answer(worker=worker):
            number = known
        case Superseded(number=number):
            return number - known > MAX_NUMBER_JUMP
        case _:
            return False
    return not message.return_route or worker.type != LOCAL or number - known > MAX_NUMBER_JUMP


def _could_never_ask(image: Snapshot | None, hello: Hello, settings: SessionConfig) -> bool:
    """A hello that leaves an end of a two-sided session without a way to the peer (clause 5.3)."""
    known = image.initialization_route if image is not None else ()
    return settings.session_type.renegotiated_by(settings.role) and not (known or hello.initialization_route)


def _in_passing(step: Step, signal: Signal | None) -> Iterator[Change]:
    """The responder that a hello was for, if it is there neither before nor after: it was made for that alone."""
    key = signal.session_id if isinstance(signal, Hello) and step.actor == RESPONDER else b""
    if key and key not in {known for known, _, _ in changes(step)}:
        yield key, None, None


def _is_for(key: Key, image: Snapshot | None, signal: Signal | None, address: Address | None) -> bool:
    """Whether this session of its end is the one that a message is for: a host has several."""
    if key is None or address is None:
        return True
    if isinstance(signal, Hello):
        return signal.session_id == key if signal.session_id else image is None
    if isinstance(signal, Close) and address == HOST_ADDRESS:
        return bool(signal.session_id == key)
    return any(reaches(link, address) for link in live_links(image))

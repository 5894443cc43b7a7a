"""Steps of a world of two ends, converted for the safety properties of one session.

Rule 1: a step of an end gives a step of each of its sessions, and of a responder that it makes and drops at once.
Rule 2: the generation in which data was sent is a ghost in its packet (`Packet.sent_in`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

from ockam_fsm.checking.actors import Fault, Fire, Order
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.authenticity import authentic, is_first
from ockam_fsm.checking.sessions.pair_config import SESSION_ID, PairConfig
from ockam_fsm.checking.sessions.session_actors import (
    CONTACT,
    ERROR,
    HOST_ADDRESS,
    INITIATOR,
    REOPEN,
    RESPONDER,
    KeyedTimer,
    Packet,
    Refused,
)
from ockam_fsm.checking.sessions.step_facts import (
    Change,
    SessionKey,
    StepPredicate,
    arrival,
    changes,
    owned,
    restarted,
    signal_of,
)
from ockam_fsm.checking.sessions.symbolic_channel import CHANNEL_MESSAGE, Open, SymbolicProfile, term_of
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.commands import AnyTimer
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Error,
    GoingAway,
    Hello,
    Signal,
    Superseded,
)
from ockam_fsm.safety.links import live_links, reaches
from ockam_fsm.safety.session_step import REQUEST, WITHDRAW, SessionStep, is_acceptable


@dataclass(eq=False)
class ExploredStep(SessionStep):
    """A step of one session in a world, with ghosts and symbolic secure channels."""

    packet: Packet | None = None

    def is_sent_in(self, link: Link) -> bool:
        """If the packet does not record the generation, the address at which it arrived decides."""
        sent_in = self.packet.sent_in if self.packet is not None else None
        if sent_in is None:
            return self.received is None or reaches(link, self.received.onward_route[0])
        return sent_in in (link.generation.rank, link.generation.address)

    def follows(self, route: Route, link: Link) -> bool:
        """The derived address at the end of the messaging route must name the generation too."""
        if not super().follows(route, link):
            return False
        found = re.search(rb"/(\d+)([ir])w$", link.route[-1].value) if self.settings.profile.names_sessions else None
        starter = "i" if link.generation.starter is Role.INITIATOR else "r"
        return found is None or found[1] + found[2] == f"{link.generation.number}{starter}".encode()

    def can_send(self, kind: type[Signal]) -> bool:
        """A secure channel must also have an unused nonce for it."""
        profile = self.settings.profile
        if kind in (Hello, Answer, Confirmation) or not isinstance(profile, SymbolicProfile):
            return super().can_send(kind) or kind is Confirmation
        image = self.before if kind is Close else self.after
        channel = image.current_protection if image is not None else None
        if kind in (GoingAway, Superseded) or not isinstance(channel, Open):
            return False
        used = len(self.sent) if kind is not Close else 0
        return (profile.keeps_alive or kind is Close) and channel.sent - used < profile.nonces

    def return_route(self, address: Address | None, message: Message) -> Route:
        """Empty for a message in an open channel, which hides return routes."""
        term = term_of(message.payload)
        hidden = term is not None and term.message == CHANNEL_MESSAGE
        return () if hidden else super().return_route(address, message)


def every_session(config: PairConfig, holds: Callable[[SessionStep], bool]) -> StepPredicate:
    """A step predicate that applies `holds` to every session of the acting end."""
    return lambda step: restarted(step) or all(map(holds, _session_steps(step, config)))


def any_session(config: PairConfig, shows: Callable[[SessionStep], bool]) -> StepPredicate:
    """A step predicate that is true if `shows` is true for a session of the acting end."""
    return lambda step: not restarted(step) and any(map(shows, _session_steps(step, config)))


def reaches_one(step: Step, config: PairConfig) -> bool:
    """Whether the message of a step reached one of the sessions."""
    return any(one.reached for one in _session_steps(step, config))


@lru_cache(maxsize=1)
def _session_steps(step: Step, config: PairConfig) -> tuple[SessionStep, ...]:
    """The session steps of a step. Cached, since every property reads them in turn."""
    packet = arrival(step)
    signal = signal_of(packet.message, config.profile) if packet is not None else None
    both = (*changes(step), *_in_passing(step, signal))
    return tuple(_session_step(step, config, change, packet, signal) for change in both)


def _in_passing(step: Step, signal: Signal | None) -> Iterator[Change]:
    """The responder of a hello, if it exists neither before nor after: the step made and dropped it."""
    key = signal.session_id if isinstance(signal, Hello) and step.actor == RESPONDER else b""
    if key and key not in {known for known, _, _ in changes(step)}:
        yield key, None, None


def _session_step(
    step: Step, config: PairConfig, change: Change, packet: Packet | None, signal: Signal | None
) -> SessionStep:
    key, before, after = change
    settings = config.settings(Role.INITIATOR if step.actor == INITIATOR else Role.RESPONDER)
    asked = settings.session_type.renegotiated_by(Role.RESPONDER)
    contact = HOST_ADDRESS if step.actor == RESPONDER else CONTACT if asked else None
    message = packet.message if packet is not None else None
    address = message.onward_route[0] if message is not None else None
    if step.event == Fault(ERROR):
        link = (before.current or before.attempt) if before is not None else None
        signal, address = Error(""), link.inner if link is not None else None
    addressed = address is not None and _is_for(key, before, signal, address)
    known = before.seen[0] if before is not None else _remembered(step, key)
    accepted = message is None or is_acceptable(message, signal, before, known, contact, settings)
    if not addressed or not accepted or not _is_meant(step, config, change, packet, signal):
        signal = address = None
    order = step.event.order if isinstance(step.event, Order) else None
    facts = [fact for owner, fact in owned(step) if owner == key]
    refused = any(isinstance(fact, Refused) for fact in facts)
    did = () if refused else tuple(facts)
    made = before is not None or after is not None or bool(did)  # else its host has refused it
    return ExploredStep(
        settings, local(step.actor), contact, before, after, did,
        partial(signal_of, profile=config.profile), message, addressed and made, signal, address,
        timer=_timer(step, key),
        order=str(order) if order is not None else None,
        refused=refused,
        withdrawn=_withdrawn(before) if order == WITHDRAW else None,
        accepts=frozenset({"q", f"q{step.before.accepted + 1}"} if order == REQUEST else ()),
        running=frozenset(_running(step, key)),
        remembered=known,
        rested=step.before.rested,
        packet=packet,
    )  # fmt: skip


def _is_for(key: SessionKey, image: Snapshot | None, signal: Signal | None, address: Address) -> bool:
    """Whether a message is for this session of its end; a host has several."""
    if key is None:
        return True
    if isinstance(signal, Hello):
        return signal.session_id == key if signal.session_id else image is None
    if isinstance(signal, Close) and address == HOST_ADDRESS:
        return bool(signal.session_id == key)
    return any(reaches(link, address) for link in live_links(image))


def _is_meant(step: Step, config: PairConfig, change: Change, packet: Packet | None, signal: Signal | None) -> bool:
    """Whether a message names this session, and its peer wrote it."""
    key, before, _ = change
    own = key if isinstance(key, bytes) else config.session_id(step.before.incarnation)
    if isinstance(signal, Close) and signal.session_id != own:
        return False
    if isinstance(signal, Hello) and key is None and signal.session_id != config.session_id(0):
        return False
    if packet is None or not isinstance(config.profile, SymbolicProfile) or is_first(packet.message):
        return True
    return authentic(packet.message, before, step.before, config.profile)


def _remembered(step: Step, key: SessionKey) -> int:
    """The number that durable storage keeps for a session that does not exist."""
    return next((number for known, number, _ in step.before.memory if known == key), 0)


def _timer(step: Step, key: SessionKey) -> AnyTimer | None:
    """The timer of this session that expired."""
    name = step.event.timer if isinstance(step.event, Fire) else None
    if key in (None, SESSION_ID):
        return None if isinstance(name, KeyedTimer) else name  # type: ignore[return-value]
    return name.timer if isinstance(name, KeyedTimer) and name.key == key else None  # type: ignore[return-value]


def _running(step: Step, key: SessionKey) -> Iterator[AnyTimer]:
    for name in step.timers_after:
        if isinstance(name, KeyedTimer):
            if name.key == key:
                yield name.timer  # type: ignore[misc]
        elif name != REOPEN and key in (None, SESSION_ID):
            yield name  # type: ignore[misc]


def _withdrawn(image: Snapshot | None) -> Outgoing | None:
    """The message that the order withdraws: that of the first request, or the one held last."""
    if image is None:
        return None
    pending = next((request.outgoing for request in image.requests), None)
    return pending or (image.waiting[-1][0] if image.waiting else None)

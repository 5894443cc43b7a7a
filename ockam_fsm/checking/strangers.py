"""One end among strangers: anybody may say anything to it, at any time, at every address that it may have.

Theory: in the worlds of a type the peer behaves well, so there are rows that none of them takes (an older hello for a
transient session, a keepalive at an initiator whose responder never sends any). What an end owes in one step it owes
whoever speaks to it. So here is one end alone, with every order, every timer and every message of a small alphabet, and
what reads one step of one end is judged.

Rule 1: the stranger knows every address, also those that it could never guess: nothing may hang on it in a single step.
Left out: profile `ockam`, whose worlds visit what its few signals can say.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ockam_fsm.checking.properties import Property, Step
from ockam_fsm.checking.session_actor import (
    CLOSE,
    CONTACT,
    ERROR,
    HOST_ADDRESS,
    LOWER_LAYER_LOST,
    OPEN,
    RENEGOTIATE,
    REQUEST,
    SEND,
    End,
    InitiatorActor,
    Packet,
    ResponderActor,
    Setting,
)
from ockam_fsm.checking.session_conduct import Refused
from ockam_fsm.checking.session_properties import conduct, refusals, safety
from ockam_fsm.checking.world import BoundReached, Disabled, Event, Network, Order, Outbox, World
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.handshake import GENERATION
from ockam_fsm.runtime.message import Address, Message, local
from ockam_fsm.runtime.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)

STRANGER = "stranger"
NUMBERS = (1, 2)
BACK = (local("stranger"),)


@dataclass(frozen=True)
class Saying:
    """One message that the stranger may send."""

    label: str
    packet: Packet

    def __repr__(self) -> str:
        return self.label


@dataclass(frozen=True)
class Stranger:
    """Says whatever it is ordered to say, and takes no notice of what it hears."""

    victim: str
    name: str = STRANGER

    def start(self, out: Outbox) -> Hashable:
        return "there"

    def handle(self, state: Hashable, event: Event, out: Outbox) -> Hashable:
        if isinstance(event, Order) and isinstance(event.order, Saying):
            out.send(self.victim, event.order.packet)
        return state


class Mute(Outbox):
    """Passes everything on but what is sent."""

    def __init__(self, out: Outbox) -> None:
        super().__init__(out.actor, out.timers)
        self.set_timer, self.cancel_timer = out.set_timer, out.cancel_timer  # type: ignore[method-assign]
        self.cancel_all_timers, self.record = out.cancel_all_timers, out.record  # type: ignore[method-assign]

    def send(self, receiver: str, payload: Hashable) -> None:
        """Nobody is there to hear it."""


@dataclass(frozen=True)
class Alone:
    """The end, whose own messages are lost: what it has sent is judged in its records. An order that it refuses is a
    step here, so that refusals can be judged as well."""

    end: InitiatorActor | ResponderActor
    messages: int

    @property
    def name(self) -> str:
        return self.end.name

    @property
    def role(self) -> Role:
        return Role.INITIATOR if isinstance(self.end, InitiatorActor) else Role.RESPONDER

    @property
    def setting(self) -> Setting:
        return self.end.setting

    def start(self, out: Outbox) -> End:
        return self.end.start(out)

    def handle(self, state: End, event: Event, out: Outbox) -> End:
        if isinstance(event, Order) and event.order in (SEND, REQUEST) and state.accepted >= self.messages:
            raise BoundReached("messages")
        try:
            return self.end.handle(state, event, Mute(out))
        except Disabled:
            if not isinstance(event, Order) or not state.sessions:
                raise
            out.record((state.sessions[0][0], Refused(event.order)))
            return state


def strangers(role: Role, setting: Setting, messages: int = 2, held: int = 1) -> World:
    """The end of `role` among strangers, with every step property that its type has. `messages`: how many the
    application may say in all, requests included."""
    setting = replace(setting, distinct=True, held=held, misses=2, generations=2, spawns=2, capacity=1,
                      reissue=setting.session_type.persistent, back_offs=True)  # fmt: skip
    end: InitiatorActor | ResponderActor = (
        InitiatorActor(setting, peer=STRANGER) if role is Role.INITIATOR else ResponderActor(setting, peer=STRANGER)
    )
    orders: dict[str, dict[Any, int | None]] = {
        end.name: dict.fromkeys((OPEN, SEND, REQUEST, RENEGOTIATE, CLOSE), None),
        STRANGER: dict.fromkeys(sayings(role, setting), None),
    }
    faults: dict[str, dict[Any, int | None]] = {end.name: {LOWER_LAYER_LOST: None, ERROR: None}}
    properties = tuple(one for one in (*safety(setting), *conduct(setting), *refusals(setting)) if one.reads_steps)
    network = Network("ordered", 1)
    name = f"{setting.session_type.name}:{end.name}-among-strangers"
    judged = tuple(_of(end.name, one) for one in properties)
    actors = (Alone(end, messages), Stranger(end.name))
    return World(name, actors, network, orders, faults, judged, extra_bounds={"messages": messages, "held": held})


def _of(name: str, one: Property) -> Property:
    """The property, judged at the steps of one actor."""
    innocent = not one.is_hit(True)

    def judged(step: Step) -> object:
        refused = any(isinstance(fact, Refused) for _, fact in step.records)
        return one.predicate(step) if step.actor == name and (one.id == "S22" or not refused) else innocent

    return replace(one, predicate=judged)


def sayings(role: Role, setting: Setting) -> Iterator[Saying]:
    """The alphabet: every signal, for each number and starter, at every address that belongs to it."""
    own = "initiator0" if role is Role.INITIATOR else "responder0.1"
    peer = "responder0.1" if role is Role.INITIATOR else "initiator0"
    door = CONTACT if role is Role.INITIATOR else HOST_ADDRESS
    session_id, two_sided = setting.session_id(0), setting.session_type.renegotiated_by(Role.RESPONDER)
    for number in NUMBERS:
        for starter in Role:
            here = local(f"{own}/{number}{'ri'[starter]}w")
            if starter is role:
                generation = Generation(number, starter, here)
                for worker in (peer, "elsewhere"):
                    answer = Answer(session_id, generation, local(f"{worker}/{number}{'ri'[starter]}w"), True)
                    yield _saying(f"answer {number} of {worker}", here, answer)
                for seen in (number, number + 1):
                    yield _saying(f"superseded {number} by {seen}", here, Superseded(session_id, seen, here))
            else:
                for name in (peer, "another"):
                    generation = Generation(number, starter, local(f"{name}/{number}{'ri'[starter]}w"))
                    route = (CONTACT,) if two_sided else ()
                    yield _saying(f"hello {number} of {name}", door, Hello(session_id, generation, route))
            for signal in (Keepalive(), KeepaliveAnswer(), Data(b"m1"), Close(""), Error("")):
                yield _saying(f"{type(signal).__name__} {generation_of(number, starter)}", here, signal)
            reply = Address(here.type, here.value + b".1")
            yield _saying(f"response {generation_of(number, starter)}", reply, Data(b"re:q1"))


def generation_of(number: int, starter: Role) -> str:
    return f"{number}{'ri'[starter]}"


def _saying(label: str, address: Address, signal: Signal) -> Saying:
    sent_in: Hashable = None
    if isinstance(signal, Data):
        named = address.value.rpartition(b"/")[2]
        sent_in = (int(named[:1]), Role("ri".index(named[1:2].decode())))
    return Saying(label, Packet(Message((address,), BACK, GENERATION.encode(signal)), sent_in))

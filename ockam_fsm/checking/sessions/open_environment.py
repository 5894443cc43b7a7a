"""One end in an open environment: a stranger sends it any message, at any time, at every address that it may have.

Theory: in the other worlds of a type the peer behaves well, so they never take some rows (an older hello for a
transient session, a keepalive at an initiator whose responder never sends any). The obligations of one step hold for
every sender. So here is one end alone, with every order, every timer and every message of a small alphabet, and the
properties that read one step of one end are judged.

Rule 1: the stranger knows every address, also secret ones: no property of a single step may depend on secrecy.
Rule 2: sending and receiving a message is one step, an order that is a delivery. No message is ever in flight, which
        keeps these worlds small and loses no behaviour: a message may as well be sent when it arrives.
Rule 3: a responder exists before its first hello, like one that its owner made without a host.
Left out: profile `ockam`, whose other worlds cover its few signals.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from ockam_fsm.checking.actors import BoundReached, Deliver, Event, Order, Outbox
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.properties import safety, witness
from ockam_fsm.checking.sessions.session_actors import (
    CONTACT,
    ERROR,
    HOST_ADDRESS,
    LOWER_LAYER_LOST,
    End,
    InitiatorActor,
    Packet,
    ResponderActor,
)
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, REQUEST, SEND, STOP, WITHDRAW

STRANGER = "stranger"
NUMBERS = (1, 2)
BACK = (local("stranger"),)


class Mute(Outbox):
    """An outbox that discards sent messages and forwards everything else."""

    def __init__(self, out: Outbox) -> None:
        super().__init__(out.actor, out.timers)
        self.set_timer, self.cancel_timer = out.set_timer, out.cancel_timer  # type: ignore[method-assign]
        self.cancel_all_timers, self.record = out.cancel_all_timers, out.record  # type: ignore[method-assign]

    def send(self, receiver: str, payload: Hashable) -> None:
        """Discard the message."""


@dataclass(frozen=True)
class Alone:
    """The only end of the world. Its messages are lost; properties read them in its records."""

    end: InitiatorActor | ResponderActor
    messages: int
    returned: bool = False

    @property
    def name(self) -> str:
        return self.end.name

    @property
    def role(self) -> Role:
        return Role.INITIATOR if isinstance(self.end, InitiatorActor) else Role.RESPONDER

    @property
    def config(self) -> PairConfig:
        return self.end.config

    def start(self, out: Outbox) -> End:
        return self.end.start(out) if isinstance(self.end, InitiatorActor) else self.end.made(returned=self.returned)

    def handle(self, state: End, event: Event, out: Outbox) -> End:
        if isinstance(event, Order) and event.order in (SEND, REQUEST) and state.accepted >= self.messages:
            raise BoundReached("messages")
        return self.end.handle(state, event, Mute(out))


def strangers(
    role: Role, config: PairConfig, messages: int = 1, held: int = 1, misses: int = 1, *, returned: bool = False
) -> World:
    """The world of one end among strangers, with every step property of its type. `messages`: how many the application
    may send in all, requests included. `returned`: the responder was restarted and kept its state."""
    kind = config.session_type
    config = replace(config, distinct=True, held=held, misses=misses, generations=2, spawns=2, capacity=1,
                      reissue=kind.persistent, back_offs=True, refusals=True)  # fmt: skip
    end: InitiatorActor | ResponderActor = (
        InitiatorActor(config, peer=STRANGER) if role is Role.INITIATOR else ResponderActor(config, peer=STRANGER)
    )
    said = tuple(Deliver(packet, STRANGER) for packet in stranger_messages(role, config))
    claims = tuple(one for one in safety(config) if one.reads_steps)
    shown = "W4" if role is Role.INITIATOR else "W5" if kind.renegotiated_by(role) else "W7"
    bounds = {"messages": messages, "held": held, "attempts": config.attempts or "unlimited", "misses": config.misses,
              "generations": 2, "sayings": len(said)}  # fmt: skip
    return World(
        name=f"{kind.name}:{'returned-' * returned}{end.name}-among-strangers",
        actors=(Alone(end, messages, returned),),
        network=Network("ordered", 0),
        orders={end.name: dict.fromkeys((OPEN, SEND, REQUEST, WITHDRAW, RENEGOTIATE, CLOSE, STOP, *said), None)},
        faults={end.name: {LOWER_LAYER_LOST: None, ERROR: None}},
        properties=(*claims, witness(shown, config)),
        title=f"{kind.name}, {end.name} among strangers",
        description=kind.summary,
        extra_bounds=bounds,
    )


def stranger_messages(role: Role, config: PairConfig) -> Iterator[Packet]:
    """The alphabet: every signal, for each number and starter, at every address of that generation."""
    own = "initiator0" if role is Role.INITIATOR else "responder0.1"
    peer = "responder0.1" if role is Role.INITIATOR else "initiator0"
    door = CONTACT if role is Role.INITIATOR else HOST_ADDRESS
    session_id, two_sided = config.session_id(0), config.session_type.renegotiated_by(Role.RESPONDER)
    for number, starter in product(NUMBERS, Role):
        here = local(f"{own}/{number}{'ri'[starter]}w")
        if starter is role:
            yield from _replies(session_id, Generation(number, starter, here), peer)
        else:
            for name in (peer, "another"):
                generation = Generation(number, starter, local(f"{name}/{number}{'ri'[starter]}w"))
                yield _stranger_message(door, Hello(session_id, generation, (CONTACT,) if two_sided else ()))
        if starter is Role.INITIATOR or two_sided:  # else no end has such an address
            owner = here if starter is role else local(f"{peer}/{number}{'ri'[starter]}w")
            close = Close(session_id, number, owner, "")
            for signal in (Keepalive(), KeepaliveAnswer(), Data(b"m1"), close, GoingAway(""), Error("")):
                yield _stranger_message(here, signal, (number, starter))
            yield _stranger_message(door, close)
            yield _stranger_message(Address(here.type, here.value + b".1"), Data(b"re:q1"), (number, starter))


def _replies(session_id: bytes, generation: Generation, peer: str) -> Iterator[Packet]:
    here, number = generation.address, generation.number
    for worker in (peer, "elsewhere"):
        yield _stranger_message(here, Answer(session_id, generation, local(f"{worker}/{generation}w"), True))
    for seen in (number, number + 1):
        yield _stranger_message(here, Superseded(session_id, seen, here))


def _stranger_message(address: Address, signal: Signal, sent_in: Hashable = None) -> Packet:
    said = Message((address,), BACK, GENERATION.encode(signal))
    return Packet(said, sent_in if isinstance(signal, Data) else None)

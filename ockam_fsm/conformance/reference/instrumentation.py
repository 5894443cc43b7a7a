"""Instrumentation of the reference end: it takes its fresh addresses from the target and records its decisions.

Theory: the specification leaves one thing to chance, the addresses of a generation. The target acts first; where the
reference session would draw an address, it takes the one in the target's last hello or answer. From then on the two
ends are in the same state, and all their outputs have to be equal. The target also chooses reply addresses and the
outer addresses of responders; they are bound when they first appear, and must not change.

Rule 1: an address that the target has used before, in any session, is not fresh (clause 4.1).
Rule 2: each decision of the table is recorded (`Fired`): its row cites the clauses that a step is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeAlias

from ockam_fsm.conformance.target import HOST, Output
from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import EventRefused, RemoteSessionError
from ockam_fsm.kernel.machine import Decision
from ockam_fsm.machines.session import SessionMachine
from ockam_fsm.machines.vocabulary import Effect, Event, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.commands import Send
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import Place, Profile
from ockam_fsm.runtime.session.link import Purpose
from ockam_fsm.runtime.session.signals import Answer, Hello, Signal

Decided: TypeAlias = Decision[State, Event, Effect]


@dataclass(frozen=True, slots=True)
class Fired:
    """An event in a state, and the decision of the table; None if the table refused the event."""

    state: State
    event: Event
    decision: Decided | None


class Watcher:
    """The shared driver of a table, which also records its decisions for the sessions of one end."""

    def __init__(self, machine: SessionMachine) -> None:
        self.driver = driver_for(machine, private_effects=True)
        self.fired: list[Fired] = []

    def fire(self, model: Any, event: Event, cause: object = None) -> Any:
        state, place = model.state, len(self.fired)
        try:
            decision = self.driver.fire(model, event, cause)
        except EventRefused:
            self.fired.insert(place, Fired(state, event, None))
            raise
        self.fired.insert(place, Fired(state, event, decision))
        return decision


class WatchedConfig(SessionConfig):
    """A configuration whose sessions run on a driver that records each decision."""

    @cached_property
    def driver(self) -> Any:
        return Watcher(self.machine)


def with_recording_driver(settings: SessionConfig) -> WatchedConfig:
    """The same configuration with a recording driver."""
    return WatchedConfig(**{one.name: getattr(settings, one.name) for one in fields(settings)})


@dataclass
class TargetEntropy:
    """An entropy source with the addresses of the target's outputs. `repeated`: addresses that were not fresh."""

    profile: Profile
    used: dict[Address, None] = field(default_factory=dict)
    outputs: Sequence[Output] = ()
    repeated: list[Address] = field(default_factory=list)
    unspoken: int = 0

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        for message, signal in self._handshakes():
            found = _drawn(message, signal, number, starter, purpose, self.profile)
            if found is not None:
                if found in self.used:
                    self.repeated.append(found)
                self.used[found] = None
                return found
        self.unspoken += 1
        return local(f"unspoken/{self.unspoken}")

    def fraction(self) -> float:
        return 0.5

    def _handshakes(self) -> Iterator[tuple[Message, Hello | Answer]]:
        for output in self.outputs:
            if isinstance(output, Send):
                signal = read(output.message, self.profile)
                if isinstance(signal, Hello | Answer):
                    yield output.message, signal


def _drawn(
    message: Message, signal: Hello | Answer, number: int, starter: int, purpose: Purpose, profile: Profile
) -> Address | None:
    generation = signal.generation
    if profile.names_sessions and (generation is None or generation.rank != (number, starter)):
        return None
    if isinstance(signal, Answer):
        return signal.worker
    if purpose is Purpose.HANDSHAKE:
        return message.return_route[-1] if message.return_route else None
    return signal.generation.address


PEER_HANDSHAKE = b"peer-handshake"
"""The prefix of the kit's handshake addresses: in profile `ockam` the address determines the kind of a message."""


def read(message: Message, profile: Profile) -> Signal | None:
    """Decode a message of an end to the kit; None if it is unreadable."""
    last = message.onward_route[-1] if message.onward_route else local(b"")
    start = last == HOST
    handshake = last.value.startswith(PEER_HANDSHAKE)
    place = Place.NEGOTIATION_START if start else Place.HANDSHAKE if handshake else Place.WORKER
    try:
        return profile.decode(message.payload, place, message.return_route)
    except RemoteSessionError:
        return None


def clauses_of(fired: Sequence[Fired]) -> tuple[str, ...]:
    """The clauses that the rows of a step cite, in order."""
    found: dict[str, None] = {}
    for one in fired:
        for cite in getattr(one.decision, "cites", "").replace(";", ",").split(","):
            if cite.strip()[:1].isdigit():
                found[cite.strip()] = None
    return tuple(found)

"""Small worlds with random tables, without any regularity that the engine could depend on."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from ockam_fsm.checking.actors import BoundReached, Disabled, Event, Outbox
from ockam_fsm.checking.properties import (
    Property,
    always,
    always_step,
    never_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.world import Network, World

PAYLOADS = ("ping", "pong")
TIMERS = ("t", "u")


@dataclass(frozen=True)
class Reaction:
    after: int
    sends: tuple[tuple[str, str], ...] = ()
    arm: tuple[str, ...] = ()
    disarm: tuple[str, ...] = ()
    refusal: Literal["", "disabled", "bound"] = ""


@dataclass(frozen=True)
class TableActor:
    """An actor with a table from (state, repr of the event) to a reaction; missing reactions are drawn once and
    kept."""

    name: str
    peers: tuple[str, ...]
    seed: int
    size: int
    reactions: dict[tuple[int, str], Reaction] = field(default_factory=dict, compare=False)

    def start(self, out: Outbox) -> Hashable:
        out.set_timer("t")
        if self.seed % 2:
            out.send(self.peers[0], PAYLOADS[0])
        return 0

    def handle(self, state: Any, event: Event, out: Outbox) -> Hashable:
        key = (state, repr(event))
        if key not in self.reactions:
            self.reactions[key] = self._draw(Random(f"{self.seed} {self.name} {key}"))
        reaction = self.reactions[key]
        if reaction.refusal == "disabled":
            raise Disabled
        if reaction.refusal == "bound":
            raise BoundReached("patience")
        for receiver, payload in reaction.sends:
            out.send(receiver, payload)
        for timer in reaction.arm:
            out.set_timer(timer)
        for timer in reaction.disarm:
            out.cancel_timer(timer)
        if reaction.after != state:
            out.record(("moved", state))
        return reaction.after

    def _draw(self, random: Random) -> Reaction:
        refusal: Literal["", "disabled", "bound"] = random.choice(("", "", "", "", "", "disabled", "bound"))
        sends = tuple(
            (random.choice(self.peers), random.choice(PAYLOADS)) for _ in range(random.choice((0, 0, 1, 1, 2)))
        )
        arm = tuple(timer for timer in TIMERS if random.random() < 0.2)
        disarm = tuple(timer for timer in TIMERS if random.random() < 0.2)
        return Reaction(random.randrange(self.size), sends, arm, disarm, refusal)


def random_properties(random: Random, names: tuple[str, ...], size: int) -> tuple[Property, ...]:
    first, last = names[0], names[-1]
    a, b, c, d, e = (random.randrange(size) for _ in range(5))
    return (
        always("S1", "never both there", lambda x, y: (x, y) != (a, b), over=(first, last)),
        always("S2", "few pings", lambda net: sum(m.payload == "ping" for m in net) < 2, over=("network",)),
        never_step("S3", "no such step", lambda step: step.before == a and step.after == c),
        always_step("S4", "steps that send more than one are short", lambda step: len(step.sent) < 2),
        sometimes("W1", "there once", lambda x, net: x == d and not net, over=(last, "network")),
        sometimes_step("W2", "moved from", lambda step: ("moved", b) in step.records and step.actor == last),
        recoverable("R1", "comes back", lambda x: x == e, over=(first,)),
        recoverable("R2", "comes back from there", lambda x, y: x == e, over=(first, last), given=lambda x, y: y == b),
    )


def random_world(seed: int, *, ordered: bool, faults: dict[str, int | None]) -> World:
    random = Random(seed)
    count = random.choice((2, 2, 3))
    names = ("a", "b", "c")[:count]
    size = random.choice((2, 3))
    actors = tuple(
        TableActor(name, tuple(n for n in names if n != name) + (name,) * (seed % 5 == 0), random.randrange(1000), size)
        for name in names
    )
    in_flight = random.choice((1, 2, 3)) if count == 2 else random.choice((1, 2))
    orders = {"a": {"open": None, "shut": 1}} if random.random() < 0.5 else {}
    hazards = {"b": {"restart": 2}} if random.random() < 0.5 else {}
    order: Literal["ordered", "unordered"] = "ordered" if ordered else "unordered"
    return World(
        f"random {seed}",
        actors,
        Network(order, max(in_flight, count), faults),
        orders,
        hazards,
        random_properties(random, names, size),
    )

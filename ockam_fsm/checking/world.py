"""A closed world as data: actors, the network between them, orders, faults and properties.

A world defines what the handlers of its actors (actors.py) do not: how messages travel, which faults may occur and how
often. This module does not depend on Ockam.

    ping = World("ping", (Client(), Server()), Network("unordered", in_flight=2, faults=("drop",)),
    properties=(answered,))
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args

from ockam_fsm.checking.actors import Actor, Deliver, Envelope
from ockam_fsm.checking.properties import Property
from ockam_fsm.kernel.errors import DefinitionError

NetworkFault = Literal["drop", "duplicate", "corrupt", "partition"]
NETWORK_FAULTS: tuple[str, ...] = get_args(NetworkFault)
NETWORK_ORDERS = ("ordered", "unordered")
NETWORK = "network"
"""The name of the messages in flight in a property's `over`; no actor may have it."""

Budget: TypeAlias = int | None
"""How often an order or fault may occur; None: without bound."""


@dataclass(frozen=True)
class Network:
    """How messages travel. *ordered*: first in, first out per (sender, receiver). *unordered*: a bag.

    `drop` removes a message; `duplicate` delivers it and keeps the copy; `corrupt` delivers `CORRUPT` in its place;
    `partition` cuts a link (one way, from one actor to another) or heals it: nothing is delivered over a cut link.
    `in_flight` is the largest number of messages in flight. Messages sent beyond it are lost if `drop` is among the
    faults, else the step is suppressed; either way the bound `in_flight` is reported as reached.
    """

    order: Literal["ordered", "unordered"] = "ordered"
    in_flight: int = 4
    faults: Iterable[str | tuple[str, Budget]] | Mapping[str, Budget] = ()

    @property
    def budgets(self) -> dict[str, Budget]:
        """The faults that may occur, and how often each."""
        if isinstance(self.faults, Mapping):
            return dict(self.faults)
        return dict((fault, None) if isinstance(fault, str) else fault for fault in self.faults)


class Normaliser(Protocol):
    """Folds states that differ by a shift of their counters into one, so that a world with growing counters is finite.

    After every step inert messages are dropped, then the smallest floor present is subtracted from all local states and
    messages. `engine/folding.py` lists the duties of the author and which of them the engine checks.
    """

    def floor(self, actor: str, state: Any) -> int | None: ...

    def shift(self, actor: str, state: Any, k: int) -> Hashable: ...

    def floor_message(self, envelope: Envelope) -> int | None: ...

    def shift_message(self, envelope: Envelope, k: int) -> Envelope: ...

    def inert(self, envelope: Envelope, receiver_state: Any, sender_state: Any) -> bool: ...


@dataclass(frozen=True)
class World:
    """The input of the explorer. `orders` and `faults` give, per actor, the events that may occur and how often. An
    order that is a `Deliver` is a message from outside the world, delivered at once."""

    name: str
    actors: tuple[Actor, ...]
    network: Network = field(default_factory=Network)
    orders: Mapping[str, Mapping[Any, Budget]] = field(default_factory=dict)
    faults: Mapping[str, Mapping[Any, Budget]] = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    normaliser: Normaliser | None = None
    title: str = ""
    description: str = ""
    extra_bounds: Mapping[str, int | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = [*_actor_problems(self), *_network_problems(self.network), *_budget_problems(self)]
        problems += _property_problems(self)
        if problems:
            raise DefinitionError(f"world {self.name}", problems)

    @property
    def actor_names(self) -> tuple[str, ...]:
        return tuple(actor.name for actor in self.actors)

    @property
    def bounds(self) -> dict[str, int | str]:
        """The bounds by name, for reports: PROVED holds within these."""
        found: dict[str, int | str] = {"in_flight": self.network.in_flight}
        found |= {fault: _spoken(budget) for fault, budget in self.network.budgets.items()}
        for kind, table in (("order", self.orders), ("fault", self.faults)):
            for actor, budgets in table.items():
                found |= {
                    f"{kind} {actor}.{what}": _spoken(budget)
                    for what, budget in budgets.items()
                    if not isinstance(what, Deliver)
                }
        return found | dict(self.extra_bounds)


def _spoken(budget: Budget) -> int | str:
    return "unlimited" if budget is None else budget


def _actor_problems(world: World) -> Iterator[str]:
    names = world.actor_names
    if not names:
        yield "a world needs at least one actor"
    yield from (f"two actors are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1}))
    if NETWORK in names:
        yield f"an actor is called {NETWORK!r}, the reserved name of the messages in flight; rename it"


def _network_problems(network: Network) -> Iterator[str]:
    if network.order not in NETWORK_ORDERS:
        yield f"network order {network.order!r} is unknown; use one of {', '.join(NETWORK_ORDERS)}"
    if network.in_flight < 0:
        yield f"in_flight is {network.in_flight}; it must be 0 or more"
    for fault, budget in network.budgets.items():
        if fault not in NETWORK_FAULTS:
            yield f"network fault {fault!r} is unknown; use some of {', '.join(NETWORK_FAULTS)}"
        if budget is not None and budget < 0:
            yield f"the budget of network fault {fault!r} is {budget}; it must be 0 or more, or None"


def _budget_problems(world: World) -> Iterator[str]:
    for kind, table in (("orders", world.orders), ("faults", world.faults)):
        for actor, budgets in table.items():
            if actor not in world.actor_names:
                yield f"{kind} are given for {actor!r}, which is not an actor of this world"
            for what, budget in budgets.items():
                if budget is not None and budget < 0:
                    yield f"the budget of {actor}'s {what!r} in {kind} is {budget}; it must be 0 or more, or None"


def _property_problems(world: World) -> Iterator[str]:
    ids = [one.id for one in world.properties]
    yield from (f"two properties have the id {one!r}" for one in sorted({i for i in ids if ids.count(i) > 1}))
    if world.normaliser is not None and "inert" in ids:
        yield "a normalised world cannot have a property 'inert': the engine checks the normaliser under this id"
    known = {*world.actor_names, NETWORK}
    for one in world.properties:
        unknown = [name for name in one.over if name not in known]
        yield from (f"property {one.id} reads {name!r}, which is not an actor of this world" for name in unknown)

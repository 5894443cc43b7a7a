"""The semantics of a world: the steps enabled in a packed state. This is their only definition in Python.

| kind | steps |
|---|---|
| system | deliver a message, fire a timer, heal a link |
| user | an order |
| fault | a fault of an actor; duplicate, corrupt or drop a message; cut a link |

Rule 1: each generator reads only the bits under its mask, so its moves are the same for every state with the same bits,
and `successor - state` is a constant (`StepGenerator`). In a normalised world folding reads the whole state, so there
is a single generator whose mask is the whole state.
Rule 2: a message has no step of its own if it repeats an equal one (unordered) or is not first on its link (ordered).
Rule 3: `enabled` lists steps in an order that depends on the world alone; a path is a list of positions in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import NamedTuple

from ockam_fsm.checking.actors import CORRUPT, Deliver, Fault, Fire, Order
from ockam_fsm.checking.engine.folding import Folding
from ockam_fsm.checking.engine.handler_cache import CachedStep, HandlerCache
from ockam_fsm.checking.engine.layout import Layout, TooNarrow, plan
from ockam_fsm.checking.engine.network_state import Messages, NetworkState, without
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import DefinitionError


class StepKind(IntEnum):
    """The kinds of steps, in the order in which `enabled` lists them."""

    DELIVER = 0
    FIRE = 1
    ORDER = 2
    HEAL = 3
    FAULT = 4
    DUPLICATE = 5
    CORRUPT = 6
    DROP = 7
    CUT = 8

    @property
    def kind(self) -> str:
        if self in (StepKind.DELIVER, StepKind.FIRE, StepKind.HEAL):
            return "system"
        return "user" if self is StepKind.ORDER else "fault"


MEMO_LIMIT = 1 << 20
SYSTEM = (StepKind.DELIVER, StepKind.FIRE, StepKind.HEAL)


class Move(NamedTuple):
    """One step. `subject` is a message id, an event id or a link; `successor` is None where a bound suppressed it.
    `breach`: folding dropped a message that was not inert."""

    action: StepKind
    actor: int
    subject: int
    successor: int | None
    row: CachedStep | None
    breach: bool = False


@dataclass(frozen=True)
class StepGenerator:
    """A generator of moves that depend on the bits under `mask` alone."""

    mask: int
    moves: Callable[[int], list[Move]]


class Budgets:
    """The finite budgets of a world, numbered; unlimited ones need no bits."""

    def __init__(self, world: World, cache: HandlerCache) -> None:
        self.limits: list[int] = []
        self.network = {fault: self._add(limit) for fault, limit in world.network.budgets.items()}
        self.events: list[dict[int, int | None]] = []
        for position, name in enumerate(cache.names):
            declared = [(world.orders.get(name, {}), cache.orders), (world.faults.get(name, {}), cache.faults)]
            found = {event: self._add(table[what]) for table, ids in declared for event, what in ids[position]}
            self.events.append(found)

    def _add(self, limit: int | None) -> int | None:
        if limit is None:
            return None
        self.limits.append(limit)
        return len(self.limits) - 1


class Moves:
    """The steps of one world in one layout. `bounds` collects the names of the bounds that were reached."""

    def __init__(self, world: World, cache: HandlerCache) -> None:
        self.world, self.cache = world, cache
        self.budgets = Budgets(world, cache)
        self.network = NetworkState(world.network, cache)
        self.folding = Folding(world, cache, world.normaliser) if world.normaliser else None
        count = len(cache.names)
        pairs = [(a, b) for a in range(count) for b in range(count) if a != b]
        self.links = pairs if "partition" in self.budgets.network else []
        self._link_bit = {pair: position for position, pair in enumerate(self.links)}
        self.bounds: set[str] = set()
        self.breached = False
        self._begin = [cache.start(actor) for actor in range(count)]
        sizes = [len(known) for known in cache.locals]
        slots = world.network.in_flight
        self.layout: Layout = plan(sizes, len(cache.envelopes), slots, self.budgets.limits, len(self.links))
        self._messages_of: dict[int, Messages] = {}
        self._posted: dict[tuple[int, int, Messages], tuple[int | None, bool]] = {}
        self._firsts: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._local_masks = [self.layout.local_mask(actor) for actor in range(count)]
        self._budget_masks = [self.layout.budget_mask(budget) for budget in range(len(self.budgets.limits))]
        self._own = [self._own_of(actor) for actor in range(count)]
        self.parts = self._parts()

    def _own_of(self, actor: int) -> list[tuple[StepKind, list[tuple[int, int | None]]]]:
        """Return an actor's orders and faults, each with its budget."""
        budgets = self.budgets.events[actor]
        kinds = ((StepKind.ORDER, self.cache.orders[actor]), (StepKind.FAULT, self.cache.faults[actor]))
        return [(action, [(event, budgets[event]) for event, _ in declared]) for action, declared in kinds if declared]

    def initial(self) -> int:
        locals_ = tuple(local for local, _ in self._begin)
        messages = tuple(message for _, sent in self._begin for message in sent)
        layout = self.layout
        full = zip(self.budgets.limits, layout.budget_at, strict=True)
        rest = sum(limit << place for limit, place in full)
        if self.folding:
            locals_, messages, _ = self.folding.fold(locals_, messages, lambda actor: ())
        posted = self.network.post((), [message for message in messages if message])
        if posted is None or posted.lost:
            problem = f"the actors send {len(messages)} messages at the start, but in_flight is {layout.slots}"
            raise DefinitionError(f"world {self.world.name}", [problem])
        return self._pack(locals_, posted.messages) + rest

    def _pack(self, locals_: Sequence[int], messages: Messages) -> int:
        packed = self.layout.network(messages)
        for actor, local in enumerate(locals_):
            packed += self.layout.placed(actor, local)
        return packed

    # Parts: generators and the bits that they read

    def _parts(self) -> tuple[StepGenerator, ...]:
        if self.folding:
            return (StepGenerator(self.layout.full_mask, self.all),)
        found = [StepGenerator(self._actor_mask(a), partial(self.of_actor, a)) for a in range(len(self.cache.names))]
        if "drop" in self.budgets.network or self.links:
            found.append(
                StepGenerator(self._network_mask("drop", "partition"), lambda state: list(self.of_network(state)))
            )
        return tuple(found)

    def _network_mask(self, *faults: str) -> int:
        mask = self.layout.network_mask | self.layout.cut_mask
        for budget in map(self.budgets.network.get, faults):
            mask |= 0 if budget is None else self.layout.budget_mask(budget)
        return mask

    def _actor_mask(self, actor: int) -> int:
        mask = self._network_mask("duplicate", "corrupt") | self.layout.local_mask(actor)
        for budget in self.budgets.events[actor].values():
            mask |= 0 if budget is None else self.layout.budget_mask(budget)
        return mask

    # The steps

    def all(self, state: int) -> list[Move]:
        found = list(self.of_network(state))
        for actor in range(len(self.cache.names)):
            found += self.of_actor(actor, state)
        return found

    def of_actor(self, actor: int, state: int) -> list[Move]:
        found: list[Move] = []
        local = (state & self._local_masks[actor]) >> self.layout.local_at[actor]
        for slot, message in self._receivable(actor, state & self.layout.network_mask):
            if not (self.links and self._is_cut(state, message)):
                self._deliveries(found, state, slot, message, local)
        rows = self.cache.row
        for event in self.cache.firing[actor][local]:
            self._step(found, StepKind.FIRE, event, state, rows(actor, local, event), -1)
        for action, declared in self._own[actor]:
            for event, budget in declared:
                if self._left(state, budget):
                    self._step(found, action, event, state - self._cost(budget), rows(actor, local, event), -1)
        return found

    def _deliveries(self, found: list[Move], state: int, slot: int, message: int, local: int) -> None:
        cache, faults = self.cache, self.budgets.network
        actor = cache.receiver[message]
        row = cache.row(actor, local, cache.delivery[message])
        self._step(found, StepKind.DELIVER, message, state, row, slot)
        if "duplicate" in faults and self._left(state, faults["duplicate"]):
            self._step(found, StepKind.DUPLICATE, message, state - self._cost(faults["duplicate"]), row, -1)
        if "corrupt" in faults and self._left(state, faults["corrupt"]):
            row = cache.row(actor, local, cache.corrupted[cache.sender[message]])
            self._step(found, StepKind.CORRUPT, message, state - self._cost(faults["corrupt"]), row, slot)

    def of_network(self, state: int) -> Iterator[Move]:
        if "drop" in self.budgets.network and self._left(state, self.budgets.network["drop"]):
            paid = state - self._cost(self.budgets.network["drop"])
            for slot, message in self.network.firsts(self.messages_of(state)):
                successor, breach = self._lose(paid, slot)
                self.breached |= breach
                yield Move(StepKind.DROP, self.cache.receiver[message], message, successor, None, breach)
        for link in range(len(self.links)):
            bit = 1 << self.layout.cut_at + link
            if state & bit:
                yield Move(StepKind.HEAL, -1, link, state - bit, None)
            elif self._left(state, self.budgets.network["partition"]):
                yield Move(StepKind.CUT, -1, link, state + bit - self._cost(self.budgets.network["partition"]), None)

    def _step(
        self, found: list[Move], action: StepKind, subject: int, state: int, row: CachedStep, removed: int
    ) -> None:
        """Add the move that takes `row` in `state` (budgets already paid) and consumes the message in slot
        `removed`."""
        if not row.possible:
            if row.bound is not None:
                self.bounds.add(row.bound)
                found.append(Move(action, row.actor, subject, None, None))
            return
        successor, breach = self._land(state, row, removed)
        if successor is not None and not (row.used and not breach):
            self.cache.use(row)
            self.breached |= breach
        found.append(Move(action, row.actor, subject, successor, row, breach))

    # Landing: the state after a step

    def _land(self, state: int, row: CachedStep, removed: int) -> tuple[int | None, bool]:
        if self.folding is not None:
            locals_ = list(self.locals_of(state))
            locals_[row.actor] = row.after
            return self._land_folded(self.folding, state, tuple(locals_), removed, row.outputs)
        network = state & self.layout.network_mask
        posted = self._post(network, removed, row.outputs)
        if posted is None:
            return None, False
        if row.after >> self.layout.local_bits[row.actor]:
            raise TooNarrow
        return state + ((row.after - row.before) << self.layout.local_at[row.actor]) + posted - network, False

    def _lose(self, state: int, slot: int) -> tuple[int | None, bool]:
        """Return the state without one message."""
        if self.folding is not None:
            return self._land_folded(self.folding, state, self.locals_of(state), slot, ())
        network = self._post(state & self.layout.network_mask, slot, ())
        assert network is not None
        return state + network - (state & self.layout.network_mask), False

    def _post(self, network: int, removed: int, outputs: Messages) -> int | None:
        """Return the network bits after one message is consumed and others are sent; None if they do not fit."""
        key = (network, removed, outputs)
        found = self._posted.get(key)
        if found is None:
            posted = self.network.post(without(self.messages_of(network), removed), outputs)
            found = (None, True) if posted is None else (self.layout.network(posted.messages), posted.lost)
            self._posted[key] = found
        if found[1]:
            self.bounds.add("in_flight")
        return found[0]

    def _land_folded(
        self, folding: Folding, state: int, locals_: tuple[int, ...], removed: int, outputs: Messages
    ) -> tuple[int | None, bool]:
        """Fold before applying the capacity: a message that is dropped as inert takes no slot."""
        kept = without(self.messages_of(state), removed)
        folded = folding.fold(locals_, kept + outputs, lambda actor: self._own_events(actor, state))
        old, new = folded.messages[: len(kept)], folded.messages[len(kept) :]
        settled = self.network.post((), [message for message in old if message])
        assert settled is not None
        posted = self.network.post(settled.messages, [message for message in new if message])
        if posted is None or posted.lost:
            self.bounds.add("in_flight")
        if posted is None:
            return None, folded.breach
        return self._pack(folded.locals_, posted.messages) + (state & self.layout.rest_mask), folded.breach

    def _own_events(self, actor: int, state: int) -> tuple[int, ...]:
        return tuple(event for event, budget in self.budgets.events[actor].items() if self._left(state, budget))

    # Reading a state

    def locals_of(self, state: int) -> tuple[int, ...]:
        return tuple(self.layout.local(state, actor) for actor in range(len(self.cache.names)))

    def messages_of(self, state: int) -> Messages:
        network = state & self.layout.network_mask
        found = self._messages_of.get(network)
        if found is None:
            found = self._messages_of[network] = self.layout.messages(network)
        return found

    def _receivable(self, actor: int, network: int) -> tuple[tuple[int, int], ...]:
        """Return (slot, message) of the messages that an actor may receive next if no link is cut."""
        found = self._firsts.get((actor, network))
        if found is None:
            firsts, receiver = self.network.firsts(self.messages_of(network)), self.cache.receiver
            found = tuple((slot, message) for slot, message in firsts if receiver[message] == actor)
            self._firsts[actor, network] = found
        return found

    def trim(self) -> None:
        """Clear memos that have grown large. A search calls it between chunks."""
        for memo in (self._posted, self._messages_of, self._firsts):
            if len(memo) > MEMO_LIMIT:
                memo.clear()

    def _is_cut(self, state: int, message: int) -> bool:
        place = self.link_place(message)
        return place >= 0 and bool(state >> place & 1)

    def link_place(self, message: int) -> int:
        """Return the bit that is set while a message's link is cut; -1 if the link cannot be cut."""
        bit = self._link_bit.get((self.cache.sender[message], self.cache.receiver[message]))
        return -1 if bit is None else self.layout.cut_at + bit

    def _left(self, state: int, budget: int | None) -> bool:
        return budget is None or bool(state & self._budget_masks[budget])

    def _cost(self, budget: int | None) -> int:
        return 0 if budget is None else 1 << self.layout.budget_at[budget]

    # The order and the labels shown to users

    def enabled(self, state: int) -> list[Move]:
        """Return the steps enabled in this state, in an order that is a function of the world."""
        moves = [move for move in self.all(state) if move.successor is not None]
        return sorted(moves, key=self._rank)

    def _rank(self, move: Move) -> tuple[int, int, int, str]:
        match move.action:
            case StepKind.DELIVER | StepKind.DUPLICATE | StepKind.CORRUPT | StepKind.DROP:
                return (move.action, *self.cache.rank[move.subject])
            case StepKind.FIRE:
                return (move.action, move.actor, 0, canonical(self.cache.events[move.subject]))
            case _:
                return (move.action, move.actor, move.subject, "")

    def label(self, move: Move) -> str:
        names = self.cache.names
        if move.action in (StepKind.CUT, StepKind.HEAL):
            sender, receiver = (names[end] for end in self.links[move.subject])
            return f"{move.action.name.lower()} the link from {sender} to {receiver}"
        if move.action in (StepKind.DELIVER, StepKind.DUPLICATE, StepKind.CORRUPT, StepKind.DROP):
            message = self.cache.envelopes[move.subject]
            payload = f"{spoken(message.payload)} from {message.sender} to {message.receiver}"
            return _MESSAGE_LABELS[move.action].format(payload)
        name, event = names[move.actor], self.cache.events[move.subject]
        match event:
            case Fire(timer):
                return f"{name}: timer {spoken(timer)} fires"
            case Order(order):
                return f"{name}: order {spoken(order)}"
            case Deliver(said, sender):
                return f"{name}: hears {spoken(said)} from {sender}"
            case Fault(fault):
                return f"{name}: fault {spoken(fault)}"
        raise AssertionError(event)


_MESSAGE_LABELS = {
    StepKind.DELIVER: "deliver {}",
    StepKind.DUPLICATE: "deliver {} and keep a copy",
    StepKind.CORRUPT: f"deliver {CORRUPT} for {{}}",
    StepKind.DROP: "drop {}",
}

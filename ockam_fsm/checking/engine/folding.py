"""Folding: states that differ by a shift of their counters become one state.

After every step: (1) inert messages, which can have no effect now or later, are dropped; (2) the smallest floor present
is subtracted from every local state and message. So a world whose numbers grow without bound has finitely many states
(`spec/sessions.md`, section 4 rule 8).

Checked by the engine, for every case that occurs:
* dropping: the real handler, called with the dropped message, leaves its state and timers unchanged, and the messages
  that it sends are inert in the same states; with the fault `corrupt` the same holds for `CORRUPT`. If not, the world
  is REFUTED under the id "inert".
* shifting: for each local state that is shifted and each event enabled there, handling the shifted event in the
  shifted state gives the shifted outcome (equal timers, equally many records). If not: `DefinitionError` with the pair.
Not checked: that a message which is inert now stays inert in every later state. The author of the normaliser must argue
this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ockam_fsm.checking.engine.handler_cache import CachedStep, HandlerCache, Local
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.naming import canonical
from ockam_fsm.checking.world import Normaliser, World
from ockam_fsm.kernel.errors import DefinitionError


class Folded(NamedTuple):
    """A folded state. `messages` has 0 in place of each dropped one. `breach`: a dropped message was not inert."""

    locals_: tuple[int, ...]
    messages: tuple[int, ...]
    breach: bool


class Folding:
    def __init__(self, world: World, cache: HandlerCache, normaliser: Normaliser) -> None:
        self._cache, self._world, self._by = cache, world, normaliser
        self._corrupts = "corrupt" in world.network.budgets
        self._inert: dict[tuple[int, int, int], bool] = {}
        self._floors: dict[tuple[int, int], int | None] = {}
        self._shifted: dict[tuple[int, int, int], int] = {}
        self._commuting: set[tuple[int, int, int, int]] = set()
        self._honest: dict[tuple[int, tuple[int, ...]], bool] = {}

    def fold(
        self, locals_: tuple[int, ...], messages: Sequence[int], own_events: Callable[[int], Sequence[int]]
    ) -> Folded:
        """Fold one state. `own_events(actor)`: the orders and faults of the actor that are still possible."""
        try:
            return self._fold(locals_, messages, own_events)
        except (KeyboardInterrupt, DefinitionError):
            raise
        except BaseException as error:
            states = tuple(self._state(actor, local) for actor, local in enumerate(locals_))
            raise CodeRaised(f"normaliser of world {self._world.name}", error, canonical(states)) from error

    def _fold(
        self, locals_: tuple[int, ...], messages: Sequence[int], own_events: Callable[[int], Sequence[int]]
    ) -> Folded:
        gone = [self._is_inert(message, locals_) for message in messages]
        breach = not all(self._may_drop(m, locals_) for m, inert in zip(messages, gone, strict=True) if inert)
        kept = tuple(0 if inert else message for message, inert in zip(messages, gone, strict=True))
        k = self._smallest_floor(locals_, kept)
        if k == 0:
            return Folded(locals_, kept, breach)
        for actor, local in enumerate(locals_):
            for event in self._possible(actor, local, kept, own_events):
                self._check_commutes(actor, local, event, k)
        shifted = tuple(self._shift_local(actor, local, k) for actor, local in enumerate(locals_))
        return Folded(shifted, tuple(message and self._shift_message(message, k) for message in kept), breach)

    def _state(self, actor: int, local: int) -> object:
        return self._cache.locals[actor][local].state

    def _is_inert(self, message: int, locals_: tuple[int, ...]) -> bool:
        to, by = self._cache.receiver[message], self._cache.sender[message]
        key = (message, locals_[to], locals_[by])
        if key not in self._inert:
            receiver, sender = self._state(to, locals_[to]), self._state(by, locals_[by])
            self._inert[key] = bool(self._by.inert(self._cache.envelopes[message], receiver, sender))
        return self._inert[key]

    def _may_drop(self, message: int, locals_: tuple[int, ...]) -> bool:
        key = (message, locals_)
        if key not in self._honest:
            events = [self._cache.delivery[message]]
            if self._corrupts:
                events.append(self._cache.corrupted[self._cache.sender[message]])
            self._honest[key] = all(self._does_nothing(message, event, locals_) for event in events)
        return self._honest[key]

    def _does_nothing(self, message: int, event: int, locals_: tuple[int, ...]) -> bool:
        to = self._cache.receiver[message]
        row = self._cache.row(to, locals_[to], event)
        if not row.possible:
            return row.bound is None
        return row.after == row.before and all(self._is_inert(output, locals_) for output in row.outputs)

    def _smallest_floor(self, locals_: tuple[int, ...], messages: Sequence[int]) -> int:
        floors = [self._floor(actor, local) for actor, local in enumerate(locals_)]
        floors += [self._floor(-1, message) for message in messages if message]
        return min((floor for floor in floors if floor is not None), default=0)

    def _floor(self, actor: int, which: int) -> int | None:
        """Return the floor of an actor's local state or, if `actor` is -1, of a message."""
        key = (actor, which)
        if key not in self._floors:
            if actor < 0:
                self._floors[key] = self._by.floor_message(self._cache.envelopes[which])
            else:
                self._floors[key] = self._by.floor(self._cache.names[actor], self._state(actor, which))
        return self._floors[key]

    def _shift_local(self, actor: int, local: int, k: int) -> int:
        key = (actor, local, k)
        if key not in self._shifted:
            state, timers = self._cache.locals[actor][local]
            moved = Local(self._by.shift(self._cache.names[actor], state, k), timers)
            self._shifted[key] = self._cache.local(actor, moved)
        return self._shifted[key]

    def _shift_message(self, message: int, k: int) -> int:
        key = (-1, message, k)
        if key not in self._shifted:
            before = self._cache.envelopes[message]
            after = self._by.shift_message(before, k)
            if (after.sender, after.receiver) != (before.sender, before.receiver):
                self._refuse(f"shift_message moves {canonical(before)} to another link")
            self._shifted[key] = self._cache.envelope(after)
        return self._shifted[key]

    def _possible(
        self, actor: int, local: int, messages: Sequence[int], own_events: Callable[[int], Sequence[int]]
    ) -> list[tuple[int, int]]:
        """Return the events enabled for this actor, as (message or 0, event)."""
        mine = [message for message in messages if message and self._cache.receiver[message] == actor]
        found = [(message, self._cache.delivery[message]) for message in mine]
        found += [(0, event) for event in self._cache.firing[actor][local]]
        return found + [(0, event) for event in own_events(actor)]

    def _check_commutes(self, actor: int, local: int, cause: tuple[int, int], k: int) -> None:
        message, event = cause
        key = (actor, local, event, k)
        if key in self._commuting:
            return
        self._commuting.add(key)
        moved_event = self._cache.delivery[self._shift_message(message, k)] if message else event
        plain = self._cache.row(actor, local, event)
        moved = self._cache.row(actor, self._shift_local(actor, local, k), moved_event)
        if not self._same_when_shifted(plain, moved, k):
            state, what = canonical(self._cache.locals[actor][local].state), canonical(self._cache.events[event])
            self._refuse(f"shifting by {k} does not commute with handling {what} in {state} of {self._name(actor)}")

    def _same_when_shifted(self, plain: CachedStep, moved: CachedStep, k: int) -> bool:
        if (plain.possible, plain.bound) != (moved.possible, moved.bound):
            return False
        if not plain.possible:
            return True
        return (
            self._shift_local(plain.actor, plain.after, k) == moved.after
            and tuple(self._shift_message(output, k) for output in plain.outputs) == moved.outputs
            and len(plain.records) == len(moved.records)
        )

    def _name(self, actor: int) -> str:
        return self._cache.names[actor]

    def _refuse(self, problem: str) -> None:
        raise DefinitionError(f"normaliser of world {self._world.name}", [problem])

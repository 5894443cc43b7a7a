"""Test cases from the specification: paths through a table world that take every transition of the pair.

Theory: a transition is what one end does in one situation: the rows that it takes (none, if it ignores the message),
its own state, what came, and the state of its peer. The search that counts a world's states meets each transition
first at the end of a shortest path. These paths, without those that others cover, are run against the runtime.

Rule 1: a case is a path as everywhere (`ockam-fsm replay`): which of the enabled actions at each step.
Rule 2: cases are a function of the world; they are generated, committed and compared.
Left out: steps of the network alone. What is lost or repeated shows in what arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ockam_fsm.checking.actors import Deliver, Fire, Outbox
from ockam_fsm.checking.actors import Event as WorldEvent
from ockam_fsm.checking.layout import TooNarrow
from ockam_fsm.checking.moves import Move, Moves
from ockam_fsm.checking.specification.table_world import Symbol, TableActor, TableEnd
from ockam_fsm.checking.tables import Row, Tables
from ockam_fsm.checking.world import World

Path: TypeAlias = tuple[int, ...]


class Transition(NamedTuple):
    """One end, in its state and its peer's, takes these rows because of this."""

    actor: str
    state: str
    came: str
    rows: tuple[str, ...]
    peer: str


@dataclass(frozen=True)
class Cases:
    """Paths, and the transitions that they take together."""

    paths: tuple[Path, ...]
    transitions: frozenset[Transition]


def cases(world: World) -> Cases:
    """Paths through a table world that take each of its transitions at least once."""
    tables = Tables(world)
    while True:
        try:
            return _Collecting(Moves(world, tables)).cases()
        except TooNarrow:
            continue


def taken(world: World, path: Path) -> frozenset[Transition]:
    """The transitions on a path."""
    tables = Tables(world)
    while True:
        try:
            collecting = _Collecting(Moves(world, tables))
            return frozenset(collecting.along(path))
        except TooNarrow:
            continue


class _Collecting:
    """One search, breadth first, that remembers how it first came to each state and each transition."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves
        self.came: dict[int, tuple[int, int] | None] = {moves.initial(): None}
        self.first: dict[Transition, Path] = {}
        self._rows: dict[int, tuple[str, tuple[str, ...]]] = {}

    def cases(self) -> Cases:
        queue = list(self.came)
        for state in queue:
            for index, move in enumerate(self.moves.enabled(state)):
                assert move.successor is not None
                if move.successor not in self.came:
                    self.came[move.successor] = (state, index)
                    queue.append(move.successor)
                found = self._transition(state, move)
                if found is not None and found not in self.first:
                    self.first[found] = (*self._way(state), index)
        return Cases(tuple(self._chosen()), frozenset(self.first))

    def _way(self, state: int) -> Path:
        way: list[int] = []
        step = self.came[state]
        while step is not None:
            state, index = step
            way.append(index)
            step = self.came[state]
        return tuple(reversed(way))

    def _chosen(self) -> Iterator[Path]:
        """The longest first: what is on the way to a late transition needs no path of its own."""
        covered: set[Transition] = set()
        for path in sorted(self.first.values(), key=lambda path: (-len(path), path)):
            fresh = set(self.along(path)) - covered
            if fresh:
                covered |= fresh
                yield path

    def along(self, path: Path) -> Iterator[Transition]:
        state = self.moves.initial()
        for index in path:
            move = self.moves.enabled(state)[index]
            found = self._transition(state, move)
            if found is not None:
                yield found
            assert move.successor is not None
            state = move.successor

    def _transition(self, state: int, move: Move) -> Transition | None:
        if move.row is None:
            return None
        tables, row = self.moves.tables, move.row
        came, rows = self._decided(row)
        ends = [tables.locals[actor][local].state for actor, local in enumerate(self.moves.locals_of(state))]
        own, peer = ends[row.actor], ends[1 - row.actor]
        assert isinstance(own, TableEnd)
        assert isinstance(peer, TableEnd)
        return Transition(tables.names[row.actor], own.state.name, came, rows, peer.state.name)

    def _decided(self, row: Row) -> tuple[str, tuple[str, ...]]:
        """What came, and the rows that were taken for it; worked out once for each row of the engine's tables."""
        if row.index not in self._rows:
            tables = self.moves.tables
            actor, local, event = self.moves.world.actors[row.actor], tables.locals[row.actor][row.before], row.event
            assert isinstance(actor, TableActor)
            assert isinstance(local.state, TableEnd)
            run = actor.run(local.state, tables.events[event], Outbox(actor.name, local.timers))
            self._rows[row.index] = (_kind(tables.events[event]), tuple(run.rows))
        return self._rows[row.index]


def _kind(event: WorldEvent) -> str:
    match event:
        case Deliver(payload=Symbol(kind=kind)):
            return kind
        case Fire():
            return "a timer"
    return "an order"

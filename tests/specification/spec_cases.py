"""Test cases from the specification: paths through a table world that take every transition of the pair.

Theory: a search of a world's states meets every transition (`covering.py`); the paths are run against the runtime.
TLC's graph of the same world gives cases in the same way (`tla_graph.py`).

Rule 1: a case is a path as in `ockam-fsm replay`: a list of positions among the enabled actions.
Rule 2: cases are a function of the world; they are generated, committed and compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from ockam_fsm.checking.actors import Deliver, Fire, Outbox
from ockam_fsm.checking.actors import Event as WorldEvent
from ockam_fsm.checking.engine.handler_cache import CachedStep, HandlerCache
from ockam_fsm.checking.engine.layout import TooNarrow
from ockam_fsm.checking.engine.steps import Move, Moves
from ockam_fsm.checking.world import World
from ockam_fsm.specification.table_world import Symbol, TableActor, TableEnd
from tests.specification import covering
from tests.specification.covering import A_TIMER, AN_ORDER, Cases, Path, Transition


def cases(world: World) -> Cases:
    """Return paths through a table world that take each of its transitions at least once."""
    cache = HandlerCache(world)
    while True:
        try:
            return covering.covering(_Explored(Moves(world, cache)))
        except TooNarrow:
            continue


def taken(world: World, path: Path) -> frozenset[Transition]:
    """Return the transitions on a path."""
    cache = HandlerCache(world)
    while True:
        try:
            return frozenset(covering.taken(_Explored(Moves(world, cache)), path))
        except TooNarrow:
            continue


class _Explored:
    """The graph of the explorer."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves
        self._rows: dict[int, tuple[str, tuple[str, ...]]] = {}

    def first(self) -> int:
        return self.moves.initial()

    def arrows(self, state: int) -> Sequence[Move]:
        return self.moves.enabled(state)

    def leads_to(self, move: Move) -> int:
        assert move.successor is not None
        return move.successor

    def transition(self, state: int, move: Move) -> Transition | None:
        if move.row is None:
            return None
        cache, row = self.moves.cache, move.row
        came, rows = self._decided(row)
        ends = [cache.locals[actor][local].state for actor, local in enumerate(self.moves.locals_of(state))]
        own, peer = ends[row.actor], ends[1 - row.actor]
        assert isinstance(own, TableEnd)
        assert isinstance(peer, TableEnd)
        return Transition(cache.names[row.actor], own.state.name, came, rows, peer.state.name)

    def _decided(self, row: CachedStep) -> tuple[str, tuple[str, ...]]:
        """Return the input and the rows taken for it, computed once for each cached step of the engine."""
        if row.index not in self._rows:
            cache = self.moves.cache
            actor, local, event = self.moves.world.actors[row.actor], cache.locals[row.actor][row.before], row.event
            assert isinstance(actor, TableActor)
            assert isinstance(local.state, TableEnd)
            run = actor.run(local.state, cache.events[event], Outbox(actor.name, local.timers))
            self._rows[row.index] = (_kind(cache.events[event]), tuple(run.rows))
        return self._rows[row.index]


def _kind(event: WorldEvent) -> str:
    match event:
        case Deliver(payload=Symbol(kind=kind)):
            return kind
        case Fire():
            return A_TIMER
    return AN_ORDER

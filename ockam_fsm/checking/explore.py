"""Exhaustive exploration of a world: every reachable state, every property, shortest counterexamples.

Theory: the search is breadth first, so the first violation found is a shortest one. State properties are evaluated
level by level, once per distinct combination of the states they read; step properties once per cached step that was
taken; recoverability when the graph is complete. Two back ends run the same search: `search_stdlib` and
`search_numba`.

Counterexamples are a function of the world: of the shortest paths (lists of positions among the enabled actions), the
lexicographically first. The levels are swept backwards once from all targets, then walked forwards along the first
action that still leads to the target.

Limits: hitting `state_limit` or `seconds_limit` gives UNDETERMINED and names the limit. The incomplete level is
discarded, so counts depend on the world and the state limit only. Claims are safety and "remains possible"; there are
no claims of inevitability and no fairness.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from ockam_fsm.checking.actors import Deliver
from ockam_fsm.checking.engine.backends import Outgrown, choose
from ockam_fsm.checking.engine.handler_cache import CachedStep, HandlerCache
from ockam_fsm.checking.engine.layout import TooNarrow
from ockam_fsm.checking.engine.search import Goal, Search
from ockam_fsm.checking.engine.shortest_paths import Hit, ShortestPaths
from ockam_fsm.checking.engine.steps import Move, Moves, StepGenerator
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.properties import Kind, Property, Step
from ockam_fsm.checking.replay import network_view, replay
from ockam_fsm.checking.result import Progress, PropertyResult, Result, Verdict
from ockam_fsm.checking.world import NETWORK, World

__all__ = ["DEFAULT_STATE_LIMIT", "Backend", "Progress", "PropertyResult", "Result", "Verdict", "explore", "replay"]

Backend = Literal["auto", "stdlib", "numba"]
DEFAULT_STATE_LIMIT = 20_000_000
INERT = Property("inert", "a message that is dropped as inert changes nothing", Kind.NEVER_STEP, lambda step: False)


def explore(
    world: World,
    *,
    backend: Backend = "auto",
    state_limit: int = DEFAULT_STATE_LIMIT,
    seconds_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop_at_first: bool = True,
) -> Result:
    """Explore the reachable states of a world and evaluate its properties.

    `stop_at_first`: stop when a safety property is violated: all violations at that depth are reported, and properties
    not yet decided are UNDETERMINED. False continues until every property is decided.
    `backend`: "auto" starts with the standard library and changes to numba, where that can be used, once the world
    turns out to be large.

    Raises:
        CodeRaised: a handler or property raised an exception; the text has its arguments and a shortest path to it.
        DefinitionError: a handler depends on more than its arguments, or returns no state.
    """
    limits = _Limits(state_limit, seconds_limit, progress)
    cache = HandlerCache(world)
    wanted: str = backend
    while True:
        cache.forget_uses()
        moves = Moves(world, cache)
        try:
            return _Exploration(world, moves, choose(moves, wanted), limits, stop_at_first).run()
        except TooNarrow:
            continue
        except Outgrown:
            wanted = "numba"


class _Limits:
    def __init__(self, states: int, seconds: float | None, progress: Callable[[Progress], None] | None) -> None:
        self.states, self.seconds, self._progress = states, seconds, progress
        self._began = time.perf_counter()
        self.hit: str | None = None

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def allow(self, depth: int, states: int, transitions: int) -> bool:
        if states > self.states:
            self.hit = f"state_limit {self.states}"
        elif self.seconds is not None and self.elapsed() > self.seconds:
            self.hit = f"seconds_limit {self.seconds}"
        if self._progress is not None:
            self._progress(Progress(states, transitions, depth, self.elapsed()))
        return self.hit is None


@dataclass
class _Reading:
    """The state properties that read the same bits."""

    mask: int
    properties: list[Property] = field(default_factory=list)
    known: set[int] = field(default_factory=set)


class _Exploration:
    def __init__(self, world: World, moves: Moves, search: Search, limits: _Limits, stop_at_first: bool) -> None:
        self.world, self.moves, self.search, self.limits = world, moves, search, limits
        self.stop_at_first = stop_at_first
        self.hits: dict[str, Hit] = {}
        self.excused: dict[str, int] = {}
        self.complete = False
        self.reached: set[str] = set()
        self.properties = (*world.properties, INERT) if world.normaliser else world.properties
        self._steps = [one for one in world.properties if one.reads_steps]
        self._readings: dict[int, _Reading] = {}
        for one in world.properties:
            if not one.reads_steps and one.kind is not Kind.RECOVERABLE:
                mask = self._mask(one)
                self._readings.setdefault(mask, _Reading(mask)).properties.append(one)

    def run(self) -> Result:
        """Run the search. Raises CodeRaised with the path to the handler or property call that failed."""
        try:
            return self._run()
        except CodeRaised as error:
            if error.path is None:
                self._locate(error, Hit(self.search.depth, self._raising_states))
            raise

    def _locate(self, error: CodeRaised, hit: Hit) -> None:
        path, labels = ShortestPaths(self.moves, self.search).way(hit)
        error.located("/".join(map(str, path)), labels)

    def _raising_states(self) -> Collection[int]:
        """Return the states of the level being expanded in which a handler raises."""
        depth = self.search.depth
        return {
            state for part in self.moves.parts for state in self.search.select(depth, part.mask, partial(_raises, part))
        }

    def _property_error(self, one: Property, error: BaseException, place: object, hit: Hit) -> CodeRaised:
        """Return the error for a property that raised, with the path to the failing call."""
        found = CodeRaised(f"property {one.id}", error, canonical(place))
        self._locate(found, hit)
        return found

    def _run(self) -> Result:
        self._evaluate_states(0)
        while not self._stop():
            depth = self.search.depth
            if not self.search.advance(partial(self.limits.allow, depth)):
                break
            self.reached = set(self.moves.bounds)
            self._evaluate_steps(depth)
            if self.search.depth == depth:
                self.complete = True
                break
            self._evaluate_states(self.search.depth)
        if self.complete and not self._stop():
            self._evaluate_recovery()
        return self._result()

    def _stop(self) -> bool:
        return self.stop_at_first and any(not one.is_witness and one.id in self.hits for one in self.properties)

    # Reading states

    def _mask(self, one: Property) -> int:
        layout, mask = self.moves.layout, 0
        for name in one.over:
            mask |= layout.network_mask if name == NETWORK else layout.local_mask(self.moves.cache.number[name])
        return mask

    def _arguments(self, one: Property, key: int) -> Iterator[object]:
        cache = self.moves.cache
        for name in one.over:
            if name == NETWORK:
                yield network_view(self.moves, key)
            else:
                actor = cache.number[name]
                yield cache.locals[actor][self.moves.layout.local(key, actor)].state

    def _holds(self, one: Property, predicate: Callable[..., object], key: int) -> bool:
        states = tuple(self._arguments(one, key))
        try:
            return bool(predicate(*states))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._property_error(one, error, states, self._first_with(self._mask(one), key)) from error

    def _first_with(self, mask: int, key: int) -> Hit:
        """Return the shallowest states in which these bits are `key`."""
        select = self.search.select
        depth = next(depth for depth in range(self.search.depth + 1) if len(select(depth, mask, key.__eq__)))
        return Hit(depth, partial(select, depth, mask, key.__eq__))

    # Evaluating properties

    def _evaluate_states(self, depth: int) -> None:
        for reading in self._readings.values():
            fresh = set(self.search.combinations(depth, reading.mask)) - reading.known
            reading.known |= fresh
            for one in [one for one in reading.properties if one.id not in self.hits]:
                keys = {key for key in fresh if one.is_hit(self._holds(one, one.predicate, key))}
                if keys:
                    self.hits[one.id] = Hit(depth, partial(self.search.select, depth, reading.mask, keys.__contains__))

    def _evaluate_steps(self, depth: int) -> None:
        cache = self.moves.cache
        steps = [(row, cache.step(row)) for row in cache.fresh]
        cache.fresh.clear()
        claims: list[tuple[Property, list[CachedStep]]] = [(one, []) for one in self._steps if one.id not in self.hits]
        for row, step in steps:  # all properties of a step in turn, so that what they compute from it can be cached
            for one, rows in claims:
                if one.is_hit(self._holds_in_step(one, depth, row, step)):
                    rows.append(row)
        self.hits |= {one.id: self._row_hit(depth, rows) for one, rows in claims if rows}
        if self.moves.breached and INERT.id not in self.hits:
            self.hits[INERT.id] = self._step_hit(depth, range(len(self.moves.parts)), lambda move: move.breach)

    def _holds_in_step(self, one: Property, depth: int, row: CachedStep, step: Step) -> bool:
        try:
            return bool(one.predicate(step))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._property_error(one, error, (step.before, step.event), self._row_hit(depth, [row])) from error

    def _row_hit(self, depth: int, rows: list[CachedStep]) -> Hit:
        indices = {row.index for row in rows}
        actors = sorted({row.actor for row in rows}) if self.moves.folding is None else [0]
        return self._step_hit(depth, actors, lambda move: move.row is not None and move.row.index in indices)

    def _step_hit(self, depth: int, parts: Iterable[int], ends: Callable[[Move], bool]) -> Hit:
        def taken(move: Move) -> bool:
            return move.successor is not None and ends(move)

        def leaves(part: StepGenerator, key: int) -> bool:
            return any(map(taken, part.moves(key)))

        def states() -> Collection[int]:
            chosen = [self.moves.parts[position] for position in parts]
            return {s for part in chosen for s in self.search.select(depth, part.mask, partial(leaves, part))}

        return Hit(depth, states, taken)

    def _evaluate_recovery(self) -> None:
        claims = [one for one in self.world.properties if one.kind is Kind.RECOVERABLE]
        goals = [self._goal(one) for one in claims]
        for one, found in zip(claims, self.search.unrecovered(goals), strict=True):
            self.excused[one.id] = found.excused
            if found.depth is not None:
                self.hits[one.id] = Hit(found.depth, partial(_same, found.states))

    def _goal(self, one: Property) -> Goal:
        given = partial(self._holds, one, one.given or _anywhere)
        return Goal(self._mask(one), partial(self._holds, one, one.predicate), given)

    # Reporting

    def _result(self) -> Result:
        seconds = self.limits.elapsed()
        reached = tuple(sorted(self.reached))
        traces = ShortestPaths(self.moves, self.search).traces(self.hits)
        results = tuple(
            PropertyResult(
                one.id, one.sentence, one.kind, self._verdict(one), traces.get(one.id), self.excused.get(one.id, 0)
            )
            for one in self.properties
        )
        return Result(
            self.world.name,
            self.world.bounds,
            self.search.states,
            self.search.transitions,
            self.search.depth,
            _overall(results),
            results,
            seconds,
            self.search.name,
            reached,
            self.limits.hit,
            self._never_taken() if self.complete else (),
        )

    def _never_taken(self) -> tuple[str, ...]:
        """Return the declared orders and faults that occur in no step."""
        cache = self.moves.cache
        taken = {(row.actor, row.event) for row in cache.rows if row.used}
        return tuple(
            f"{kind} {name}.{spoken(what)}"
            for kind, table in (("order", cache.orders), ("fault", cache.faults))
            for actor, name in enumerate(cache.names)
            for event, what in table[actor]
            if (actor, event) not in taken and not isinstance(what, Deliver)
        )

    def _verdict(self, one: Property) -> Verdict:
        if one.id in self.hits:
            return Verdict.HOLDS if one.is_witness else Verdict.REFUTED
        if not self.complete or (one.kind is Kind.RECOVERABLE and one.id not in self.excused):
            return Verdict.UNDETERMINED
        return Verdict.MISSING if one.is_witness else Verdict.HOLDS


def _raises(part: StepGenerator, key: int) -> bool:
    try:
        part.moves(key)
    except CodeRaised:
        return True
    return False


def _anywhere(*states: object) -> bool:
    return True


def _same(states: Collection[int]) -> Collection[int]:
    return states


def _overall(results: tuple[PropertyResult, ...]) -> Verdict:
    verdicts = {one.verdict for one in results} or {Verdict.UNDETERMINED}
    if Verdict.REFUTED in verdicts or Verdict.MISSING in verdicts:
        return Verdict.REFUTED
    return Verdict.UNDETERMINED if Verdict.UNDETERMINED in verdicts else Verdict.PROVED

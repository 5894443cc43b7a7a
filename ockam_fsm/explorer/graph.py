"""A part of a world's graph as plain data: states, their steps, and what a person sees of both.

Theory: the page walks this graph; it computes no step. All texts are made here, from the real handlers, the tables and
the properties. A text is written once and named by its number, so a graph of thousands of states fits in one file.

Rule 1: every state of the graph has all of its steps. A step to a state outside has the successor -1.
Rule 2: states are taken breadth first, after those of the given path, until there are `most_states`.
Rule 3: the same world and path give the same data.

The shape (all numbers are positions in these lists):
    actors     name, table (which machine, or null), locals: label, timers, details, sessions (state, situation)
    situations for each event of the actor's table, the number of the decision that applies
    messages   sender, receiver, text
    networks   messages in flight
    rests      what is left of each budget, and which links are cut
    rows       a handler call: fired (state, event, decision or -1), remarks, sent, status of the step properties
    moves      action, kind, actor, message (-1: none), label, row (-1: none)
    states     a local of each actor, network, rest, status of the state properties
    steps      for each state: move, successor, move, successor, ... in the order of a path's positions
    status     one character per property: + holds, ! violated, w the witness, - not the witness, g the goal,
               o the goal is claimed and not reached here, . it is not claimed here, and a blank for a property of the
               other sort (of states or of steps)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeAlias

from ockam_fsm.checking.actors import Envelope
from ockam_fsm.checking.engine.handler_cache import CachedStep, HandlerCache
from ockam_fsm.checking.engine.layout import TooNarrow
from ockam_fsm.checking.engine.steps import Move, Moves, StepKind
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.properties import Kind, Property
from ockam_fsm.checking.replay import view
from ockam_fsm.checking.result import State
from ockam_fsm.checking.sessions.charts import remarks
from ockam_fsm.checking.sessions.session_actors import End
from ockam_fsm.checking.world import NETWORK, World
from ockam_fsm.explorer.ends import SessionEnd, details, session_end, short
from ockam_fsm.kernel.errors import Error

Json: TypeAlias = Any
OUTSIDE = -1
MESSAGE_ACTIONS = (StepKind.DELIVER, StepKind.DUPLICATE, StepKind.CORRUPT, StepKind.DROP)


class NoPath(Error, ValueError):
    """A path that does not lead through this world."""


def graph(world: World, path: Sequence[int] = (), most_states: int = 0, cache: HandlerCache | None = None) -> Json:
    """Return the states along `path` and, breadth first, up to `most_states` of the others.

    `cache`: handler calls of this world that are known already.

    Raises:
        NoPath: a position is outside the list of enabled actions.
    """
    known = cache or HandlerCache(world)
    while True:
        try:
            return _Graph(world, Moves(world, known)).grown(path, most_states)
        except TooNarrow:
            continue


class _Numbers:
    """Numbers values in the order in which they first appear, with one description each."""

    def __init__(self) -> None:
        self.descriptions: list[Json] = []
        self._of: dict[Hashable, int] = {}

    def of(self, key: Hashable, describe: Callable[[], Json]) -> int:
        found = self._of.get(key)
        if found is None:
            description = describe()
            found = self._of[key] = len(self.descriptions)
            self.descriptions.append(description)
        return found


class _Graph:
    def __init__(self, world: World, moves: Moves) -> None:
        self.world, self.moves = world, moves
        self.ends = [session_end(actor) for actor in world.actors]
        self.locals = [_Numbers() for _ in world.actors]
        self.situations, self.messages, self.networks, self.rests = _Numbers(), _Numbers(), _Numbers(), _Numbers()
        self.rows, self.labelled = _Numbers(), _Numbers()
        self._answers: dict[tuple[str, Hashable], str] = {}
        self.packed: list[int] = []
        self.number_of: dict[int, int] = {}

    # Growing

    def grown(self, path: Sequence[int], most_states: int) -> Json:
        self._add(self.moves.initial())
        state = self.packed[0]
        for position in path:
            state = self._successor(state, position)
            self._add(state)
        enabled: list[list[Move]] = []
        while len(enabled) < len(self.packed):
            steps = self.moves.enabled(self.packed[len(enabled)])
            enabled.append(steps)
            for move in steps:
                if len(self.packed) < most_states:
                    assert move.successor is not None
                    self._add(move.successor)
        return self._described(enabled)

    def _successor(self, state: int, position: int) -> int:
        enabled = self.moves.enabled(state)
        if not 0 <= position < len(enabled):
            raise NoPath(f"action {position} is not among the {len(enabled)} that are enabled here")
        found = enabled[position].successor
        assert found is not None
        return found

    def _add(self, state: int) -> None:
        if state not in self.number_of:
            self.number_of[state] = len(self.packed)
            self.packed.append(state)

    # Describing

    def _described(self, enabled: Sequence[Sequence[Move]]) -> Json:
        states = [self._state(state) for state in self.packed]
        steps = [list(self._steps(moves)) for moves in enabled]
        return {
            "actors": [
                {"name": name, "table": None if end is None else end.machine.name, "locals": one.descriptions}
                for name, end, one in zip(self.moves.cache.names, self.ends, self.locals, strict=True)
            ],
            "situations": self.situations.descriptions,
            "messages": self.messages.descriptions,
            "networks": self.networks.descriptions,
            "rests": self.rests.descriptions,
            "rows": self.rows.descriptions,
            "moves": self.labelled.descriptions,
            "states": states,
            "steps": steps,
            "complete": all(successor != OUTSIDE for flat in steps for successor in flat[1::2]),
        }

    def _state(self, packed: int) -> Json:
        state, locals_ = view(self.moves, packed), self.moves.locals_of(packed)
        network = tuple(self._message(envelope) for envelope in state.network)
        rest = (tuple(state.budgets.items()), state.cut_links)
        return [
            *(self._local(actor, local) for actor, local in enumerate(locals_)),
            self.networks.of(network, lambda: list(network)),
            self.rests.of(rest, lambda: {"left": dict(state.budgets), "cut": [list(link) for link in state.cut_links]}),
            self._status_of_state(state, dict(zip(self.moves.cache.names, locals_, strict=True))),
        ]

    def _local(self, actor: int, local: int) -> int:
        return self.locals[actor].of(local, lambda: self._described_local(actor, local))

    def _described_local(self, actor: int, local: int) -> Json:
        state, timers = self.moves.cache.locals[actor][local]
        end = self.ends[actor]
        sessions = state.sessions if end is not None and isinstance(state, End) else ()
        return {
            "label": short(state),
            "timers": sorted(map(spoken, timers)),
            "details": [list(fact) for fact in details(state)],
            "sessions": [
                {"state": image.state.name, "situation": self._situation(end, image)} for _, image in sessions if end
            ],
        }

    def _situation(self, end: SessionEnd, image: Any) -> int:
        found = end.situation(image)
        return self.situations.of((end.machine.name, found), lambda: list(found))

    def _message(self, envelope: Envelope) -> int:
        return self.messages.of(
            self.moves.cache.envelope(envelope),
            lambda: {"sender": envelope.sender, "receiver": envelope.receiver, "text": spoken(envelope.payload)},
        )

    def _steps(self, enabled: Sequence[Move]) -> Iterator[int]:
        for move in enabled:
            row = -1 if move.row is None else move.row.index
            key = (move.action, move.actor, move.subject, row, move.breach)
            yield self.labelled.of(key, lambda move=move: self._move(move))  # type: ignore[misc]
            yield self.number_of.get(move.successor if move.successor is not None else -1, OUTSIDE)

    def _move(self, move: Move) -> Json:
        about_message = move.action in MESSAGE_ACTIONS
        return {
            "action": move.action.name.lower(),
            "kind": move.action.kind,
            "actor": move.actor,
            "message": self._message(self.moves.cache.envelopes[move.subject]) if about_message else -1,
            "label": self.moves.label(move),
            "row": -1 if move.row is None else self._row(move.row),
        }

    def _row(self, row: CachedStep) -> int:
        return self.rows.of(row.index, lambda: self._described_row(row))

    def _described_row(self, row: CachedStep) -> Json:
        cache, end = self.moves.cache, self.ends[row.actor]
        local, event = cache.locals[row.actor][row.before], cache.events[row.event]
        fired = () if end is None else end.decisions(local, event)
        return {
            "fired": [
                [one.state.name, one.event.name, OUTSIDE if one.decision is None else end.number_of[one.decision]]
                for one in fired if end is not None
            ],
            "remarks": list(remarks(row.records)),
            "sent": [self._message(cache.envelopes[output]) for output in row.outputs],
            "status": self._status_of_step(row),
        }  # fmt: skip

    # Judging

    def _status_of_step(self, row: CachedStep) -> str:
        step = self.moves.cache.step(row)
        return "".join(
            _judged(one, bool(one.predicate(step))) if one.reads_steps else " " for one in self.world.properties
        )

    def _status_of_state(self, state: State, locals_: dict[str, int]) -> str:
        return "".join(" " if one.reads_steps else self._status(one, state, locals_) for one in self.world.properties)

    def _status(self, one: Property, state: State, locals_: dict[str, int]) -> str:
        read = tuple(state.network if name == NETWORK else locals_[name] for name in one.over)
        found = self._answers.get((one.id, read))
        if found is None:
            given = [state.network if name == NETWORK else state.locals[name] for name in one.over]
            claimed = one.given is None or bool(one.given(*given))
            found = _judged(one, bool(one.predicate(*given)), claimed=claimed)
            self._answers[one.id, read] = found
        return found


def _judged(one: Property, answer: bool, *, claimed: bool = True) -> str:
    """Return the character of a property in one state or step; the module's docstring explains them."""
    hit = one.is_hit(answer)
    if one.kind is Kind.RECOVERABLE:
        return "g" if hit else "o" if claimed else "."
    if one.is_witness:
        return "w" if hit else "-"
    return "!" if hit else "+"

"""Replay of a path in a world. A path is a list of positions among the enabled actions.

The order of the enabled actions is a function of the world, so a path reproduces a counterexample on any machine:
`ockam-fsm replay WORLD 0/2/1`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from ockam_fsm.checking.actors import Envelope
from ockam_fsm.checking.engine.handler_cache import HandlerCache
from ockam_fsm.checking.engine.layout import TooNarrow
from ockam_fsm.checking.engine.steps import Move, Moves
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.result import Choice, Moment, State, Trace
from ockam_fsm.checking.world import World


def replay(world: World, path: Sequence[int] | str) -> Iterator[Moment]:
    """Yield one moment per state along the path, and one for the state in which it ends.

    `path`: positions among the enabled actions, or text as in `Trace.path` ("0/2/1").

    Raises:
        IndexError: a position is outside the list of enabled actions.
        ValueError: the text is not a path.
    """
    yield from _moments(world, _positions(path))


def trace(world: World, path: Sequence[int] | str) -> Trace:
    """Return the trace of a path. Raises the same errors as `replay`."""
    positions = _positions(path)
    return Trace(positions, tuple(_moments(world, positions)))


def _positions(path: Sequence[int] | str) -> tuple[int, ...]:
    return tuple(int(step) for step in path.split("/") if path) if isinstance(path, str) else tuple(path)


def _moments(world: World, path: tuple[int, ...]) -> list[Moment]:
    cache = HandlerCache(world)
    while True:
        try:
            return list(_walk(Moves(world, cache), path))
        except TooNarrow:
            continue


def _walk(moves: Moves, path: tuple[int, ...]) -> Iterator[Moment]:
    state = moves.initial()
    for index in path:
        enabled = moves.enabled(state)
        if not 0 <= index < len(enabled):
            raise IndexError(f"action {index} is not among the {len(enabled)} that are enabled here")
        yield _moment(moves, state, enabled, index)
        successor = enabled[index].successor
        assert successor is not None
        state = successor
    yield _moment(moves, state, moves.enabled(state), None)


def _moment(moves: Moves, state: int, enabled: list[Move], index: int | None) -> Moment:
    choices = tuple(Choice(i, moves.label(move), move.action.kind) for i, move in enumerate(enabled))
    if index is None:
        return Moment(choices, None, None, view(moves, state))
    row = enabled[index].row
    step = None if row is None else moves.cache.step(row)
    return Moment(choices, choices[index], step, view(moves, state))


def network_view(moves: Moves, state: int) -> tuple[Envelope, ...]:
    """Return the messages in flight, in an order that is a function of the world."""
    messages = moves.messages_of(state)
    if not moves.network.ordered:
        messages = tuple(sorted(messages, key=moves.cache.rank.__getitem__))
    return tuple(moves.cache.envelopes[message] for message in messages)


def view(moves: Moves, state: int) -> State:
    names, cache, layout = moves.cache.names, moves.cache, moves.layout
    found = [cache.locals[actor][local] for actor, local in enumerate(moves.locals_of(state))]
    links = [link for bit, link in enumerate(moves.links) if state >> layout.cut_at + bit & 1]
    return State(
        {name: local.state for name, local in zip(names, found, strict=True)},
        {name: _sorted_timers(local.timers) for name, local in zip(names, found, strict=True)},
        network_view(moves, state),
        {name: (state & layout.budget_mask(at)) >> layout.budget_at[at] for name, at in _budget_names(moves)},
        tuple((names[sender], names[receiver]) for sender, receiver in links),
    )


def _sorted_timers(timers: frozenset[Hashable]) -> tuple[Hashable, ...]:
    return tuple(sorted(timers, key=canonical))


def _budget_names(moves: Moves) -> Iterator[tuple[str, int]]:
    for fault, budget in moves.budgets.network.items():
        if budget is not None:
            yield fault, budget
    for name, declared in zip(moves.cache.names, moves.budgets.events, strict=True):
        for event, budget in declared.items():
            if budget is not None:
                yield f"{name}.{spoken(moves.cache.events[event])}", budget

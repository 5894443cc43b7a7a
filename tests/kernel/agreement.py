"""Comparison of three ways to take a step of a table, on every cell, counter value and limit.

`assert_paths_agree` is for any machine. In each cell the counters that the cell mentions take every value under every
limit choice; the others have a value that any update would change. A step is taken by `step` (pure), by
`Driver.fire` (compiled) and by `Driver.fire_stock` (the library's own path), without hooks and with hooks everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import pytest

from ockam_fsm.kernel.driver import Driver
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Limits, Machine, Row, counter_values
from ockam_fsm.kernel.step import Configuration, Outcome, step

AnyMachine: TypeAlias = Machine[Any, Any, Any]
Expected: TypeAlias = Outcome[Any, Any, Any] | EventRefused
Seen: TypeAlias = tuple[str, object, object, tuple[int, ...]]
"""The name of a call, its cause, and the state and the counters at that moment."""

BYSTANDER = 1
LIMIT_OF_BYSTANDERS = 7


class Probe:
    """A session of any machine that records the calls of its driver."""

    def __init__(self, machine: AnyMachine, at: Configuration[Any], limits: Limits) -> None:
        self._machine = machine
        self.hooks: Any = None
        self.state: Any = at.state
        self.limits = limits
        self.seen: list[Seen] = []
        for counter, value in zip(machine.counters, at.counters, strict=True):
            setattr(self, counter.name, value)
        for effect in {effect for row in machine.rows for effect in row.effects}:
            setattr(self, effect.name.lower(), partial(self.note, effect.name))

    @property
    def configuration(self) -> Configuration[Any]:
        return Configuration(self.state, tuple(getattr(self, counter.name) for counter in self._machine.counters))

    def note(self, what: str, cause: object) -> None:
        at = self.configuration
        self.seen.append((what, cause, at.state, at.counters))


def configurations(machine: AnyMachine, state: Any, event: Any) -> Iterator[tuple[Configuration[Any], Limits]]:
    """Yield every configuration and limit choice that may matter in one cell, including the default limits."""
    cell = machine.cells[state, event]
    mentioned = {c.counter for d in cell for c in d.when}
    mentioned |= {u.counter for d in cell if isinstance(d, Row) for u in d.updates}
    default = {name: limit for name, limit in machine.default_limits().items() if name in mentioned}
    choices = list(machine.limit_choices(mentioned))
    for limits in choices if default in choices else [default, *choices]:
        for values in counter_values(limits):
            every = {c.name: limits.get(c.name, LIMIT_OF_BYSTANDERS) for c in machine.counters}
            yield Configuration(state, tuple(values.get(c.name, BYSTANDER) for c in machine.counters)), every


def assert_paths_agree(machine: AnyMachine) -> int:
    """Return the number of steps of each path, so that a test can check that there were some."""
    plain, hooked = Driver(machine), Driver(machine)
    for state in machine.states:
        hooked.on_exit(state, partial(_hook, f"exit {state.name}"))
        hooked.on_enter(state, partial(_hook, f"enter {state.name}"))
    steps = 0
    for state, event in machine.cells:
        for at, limits in configurations(machine, state, event):
            steps += 1
            expected = _expected(machine, at, event, limits)
            for driver in (plain, hooked):
                for fire in (driver.fire, driver.fire_stock):
                    _assert_step(fire, Probe(machine, at, limits), event, expected, hooks=driver is hooked)
    return steps


def _hook(what: str, model: Probe, cause: object) -> None:
    model.note(what, cause)


def _assert_step(fire: Callable[..., object], probe: Probe, event: Any, expected: Expected, *, hooks: bool) -> None:
    before, cause = probe.configuration, object()
    place = f"{before} {event} {probe.limits} {fire}"
    if isinstance(expected, EventRefused):
        with pytest.raises(EventRefused) as refused:
            fire(probe, event, cause)
        assert str(refused.value) == str(expected), place
        assert (probe.configuration, probe.seen) == (before, []), place
        return
    assert fire(probe, event, cause) is expected.decision, place
    assert probe.configuration == expected.configuration, place
    assert probe.seen == list(_calls(before, expected, cause, hooks=hooks)), place


def _expected(machine: AnyMachine, before: Configuration[Any], event: Any, limits: Limits) -> Expected:
    try:
        return step(machine, before, event, limits)
    except EventRefused as refused:
        return refused


def _calls(
    before: Configuration[Any], outcome: Outcome[Any, Any, Any], cause: object, *, hooks: bool
) -> Iterator[Seen]:
    after, row = outcome.configuration, outcome.decision
    if not isinstance(row, Row):
        return
    if hooks:
        yield f"exit {before.state.name}", cause, before.state, after.counters
        yield f"enter {after.state.name}", cause, after.state, after.counters
    for effect in row.effects:
        yield effect.name, cause, after.state, after.counters

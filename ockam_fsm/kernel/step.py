"""One step of a machine as a pure function, for projections, proofs and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.machine import E, F, Ignore, Limits, Machine, Refuse, Row, S
from ockam_fsm.kernel.text import shown


@dataclass(frozen=True)
class Configuration(Generic[S]):
    """The state of a machine and the values of its counters, in the machine's order of counters."""

    state: S
    counters: tuple[int, ...]


@dataclass(frozen=True)
class Outcome(Generic[S, E, F]):
    """The result of one step: the new configuration, and the row or the ignore that decided."""

    configuration: Configuration[S]
    decision: Row[S, E, F] | Ignore[S, E]


def start(machine: Machine[S, E, F]) -> Configuration[S]:
    """Return the first configuration of a machine. Raises LocalSessionError unless `machine` is one."""
    check_type("machine", machine, Machine)
    return Configuration(machine.initial, (0,) * len(machine.counters))


def step(
    machine: Machine[S, E, F], configuration: Configuration[S], event: E, limits: Limits | None = None
) -> Outcome[S, E, F]:
    """Resolve `event`, apply the row and return the outcome.

    Raises:
        EventRefused: the event is refused in this state.
        LocalSessionError: an argument is of the wrong type, or the machine does not have the event.
    """
    check_type("machine", machine, Machine)
    check_type("configuration", configuration, Configuration)
    check_type("event", event, Enum)
    if (configuration.state, event) not in machine.cells:
        given = f"{shown(event)} in {shown(configuration.state)}"
        raise LocalSessionError(f"event: {given}, expected an event and a state of {machine.name}")
    bounds: Limits = machine.default_limits() if limits is None else limits
    names = [counter.name for counter in machine.counters]
    values = dict(zip(names, configuration.counters, strict=True))
    decision = machine.resolve(configuration.state, event, values, bounds)
    if isinstance(decision, Refuse):
        raise machine.refusal(configuration.state, event, decision)
    if isinstance(decision, Ignore):
        return Outcome(configuration, decision)
    moved = _moved(values, decision, bounds)
    return Outcome(Configuration(decision.target, tuple(moved[name] for name in names)), decision)


def _moved(values: Mapping[str, int], row: Row[S, E, F], limits: Limits) -> dict[str, int]:
    moved = dict(values)
    for update in row.updates:
        moved[update.counter] = update.apply(moved[update.counter], limits[update.counter])
    return moved

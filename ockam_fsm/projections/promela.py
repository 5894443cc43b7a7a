"""Both ends of a session as a Promela model, for SPIN: one alternative for each row, and a template for the rest.

Theory: `session_pair.pml` is written by hand once; it defines effects, messages and properties. Rows, limits and bounds
are filled in here. The states that SPIN stores are those of the table world (spec/README.md).

Rule 1: each row has a comment with its id. Rows of orders and timers are steps of their own; rows of messages are
        alternatives in the reception of an end.
Rule 2: a model that cannot be expressed is refused: an unlimited counter, or an ignored timer (its loss would go
        unnoticed).
Left out: ignored and refused events; an event that no alternative takes changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib.resources import files
from string import Template
from typing import Any, TypeAlias

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import Change, Comparison, Ignore, Limits, Machine, Row, Threshold, Update
from ockam_fsm.projections.styling import generated

AnyMachine: TypeAlias = Machine[Any, Any, Any]
AnyRow: TypeAlias = Row[Any, Any, Any]

TEMPLATE = "session_pair.pml"
TIMERS: Mapping[str, str] = {
    "NEGOTIATION_EXPIRED": "NEGOTIATION_TIMER",
    "BACK_OFF_EXPIRED": "BACK_OFF_TIMER",
    "KEEPALIVE_DUE": "KEEPALIVE_TIMER",
    "IDLE_EXPIRED": "IDLE_TIMER",
    "RETENTION_EXPIRED": "RETENTION_TIMER",
}
MESSAGES = (
    "HELLO_NEWER", "HELLO_REPEATED", "HELLO_OLDER", "ANSWER_CURRENT", "ANSWER_CHANGED", "ANSWER_STALE", "SUPERSEDED",
    "PREVIOUS_ENDED", "CONFIRMED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED", "KEEPALIVE_ANSWERED", "CLOSE_RECEIVED",
    "CLOSE_AT_CONTACT", "GOING_AWAY_RECEIVED", "STRAY",
)  # fmt: skip
COUNTERS = ("attempts", "held", "misses", "usable", "confirmed", "resting")
SAFETY = ("breaks_S2", "breaks_S4", "breaks_S5", "breaks_S6", "breaks_S7", "breaks_S16")
WITNESS = ("reaches_W1",)
"""The flags that a model asserts never to be set: violations of properties, or the goal of a witness."""


@dataclass(frozen=True)
class PromelaEnd:
    """One end: its table, its limits, and how often each order may be given (None: without bound)."""

    machine: AnyMachine
    limits: Limits
    orders: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PairModel:
    """The parts of a model. `generations` and `spawns` are the bounds of its world."""

    title: str
    initiator: PromelaEnd
    responder: PromelaEnd
    persistent: bool
    two_sided: bool
    generations: int
    spawns: int
    asserted: tuple[str, ...] = SAFETY

    @property
    def sides(self) -> tuple[tuple[str, PromelaEnd], ...]:
        return ("initiator", self.initiator), ("responder", self.responder)


def to_promela(model: PairModel, page: str) -> str:
    """Return the model as one file.

    Raises:
        DefinitionError: a part of it cannot be expressed.
    """
    if problems := list(_problems(model)):
        raise DefinitionError(f"Promela model of {model.title}", problems)
    template = files("ockam_fsm.projections").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return Template(template).substitute(
        label=generated(page),
        title=model.title,
        bounds=_lines(_bounds(model)),
        states=_lines(_numbered(model.initiator.machine.states, model.responder.machine.states)),
        events=_lines(f"#define {name} {number}" for number, name in enumerate(MESSAGES, 1)),
        budgets=_lines(_budgets(model)),
        initiator_hears=_lines(_receptions("initiator", model.initiator)),
        responder_hears=_lines(_receptions("responder", model.responder)),
        assertions=_lines([f"\tassert(!{name})" + ";" * (name != model.asserted[-1]) for name in model.asserted]),
        steps=_lines(line for name, side in model.sides for line in _steps(name, side)),
    )


def _problems(model: PairModel) -> Iterator[str]:
    if not model.asserted:
        yield "nothing is asserted"
    if not 0 < model.generations < 8 or not 0 < model.spawns < 4:
        yield "a message has room for 7 generations and 3 responders"
    for name, side in model.sides:
        yield from (f"{name}: {counter} is unlimited" for counter, most in side.limits.items() if most is None)
        ignored = (d for d in side.machine.decisions() if isinstance(d, Ignore) and d.event.name in TIMERS)
        yield from (f"{name}: {decision.event.name} is ignored" for decision in ignored)


def _lines(lines: Any) -> str:
    return "\n".join(lines)


# The world ------------------------------------------------------------------------------------------------------------


def _bounds(model: PairModel) -> Iterator[str]:
    yield f"#define GENERATIONS {model.generations}"
    yield f"#define SPAWNS {model.spawns}"
    yield f"#define PERSISTENT {int(model.persistent)}"
    yield f"#define TWO_SIDED {int(model.two_sided)}"
    for name, side in model.sides:
        yield from (f"#define {_limit(name, counter)} {side.limits[counter]}" for counter in COUNTERS)


def _limit(name: str, counter: str) -> str:
    return f"{name}_{counter}".upper()


def _numbered(*groups: tuple[Enum, ...]) -> Iterator[str]:
    """Number the states from 0, the initial one, so that an end needs no initialisation."""
    states = dict.fromkeys(state for group in groups for state in group)
    yield from (f"#define {state.name} {number}" for number, state in enumerate(states))


def _budgets(model: PairModel) -> Iterator[str]:
    for name, side in model.sides:
        for order, many in side.orders.items():
            if many is not None:
                yield f"byte {name}_{order} = {many};\t/* how many of these orders are left */"


# Rows -----------------------------------------------------------------------------------------------------------------


def _receptions(name: str, side: PromelaEnd) -> Iterator[str]:
    for row in side.machine.rows:
        if row.event.name in MESSAGES:
            conditions = [f"event == {row.event.name}", *_conditions(name, row)]
            yield f"\t/* {_comment(row)} */"
            yield f"\t:: {' && '.join(conditions)} ->"
            yield "\t\t" + ";\n\t\t".join(_actions(name, row))


def _steps(name: str, side: PromelaEnd) -> Iterator[str]:
    for row in side.machine.rows:
        if row.event.name in TIMERS:
            timer = TIMERS[row.event.name]
            before = f"{name}.timers = {name}.timers & ~{timer}"
            yield from _step(name, row, [f"({name}.timers & {timer})"], [before])
        elif row.event.name in side.orders:
            many = side.orders[row.event.name]
            budget = f"{name}_{row.event.name}"
            yield from _step(name, row, [f"{budget} > 0"] * (many is not None), [f"{budget}--"] * (many is not None))


def _step(name: str, row: AnyRow, conditions: list[str], before: list[str]) -> Iterator[str]:
    back_off = int(row.event.name == "BACK_OFF_EXPIRED")
    last = f"end({name}, {name.upper()}, {back_off})"
    actions = [f"begin({name})", *before, *_actions(name, row), last]
    yield f"\t/* {name}: {_comment(row)} */"
    yield f"\t:: d_step {{ {' && '.join([*conditions, *_conditions(name, row)])} ->"
    yield "\t\t" + ";\n\t\t".join(actions) + " }"


def _comment(row: AnyRow) -> str:
    return f"{row.id}: {row.event.name} in {row.source.name} ({row.cites})"


def _conditions(name: str, row: AnyRow) -> Iterator[str]:
    yield f"{name}.state == {row.source.name}"
    yield from (_comparison(name, one) for one in row.when)
    if any(effect.name == "START_ATTEMPT" for effect in row.effects):
        yield f"{name}.seen < GENERATIONS"


def _comparison(name: str, one: Comparison) -> str:
    bound = _limit(name, one.counter) if isinstance(one.threshold, Threshold) else str(one.threshold)
    return f"{name}.{one.counter} {'>=' if one.at_least else '<'} {bound}"


def _actions(name: str, row: AnyRow) -> Iterator[str]:
    yield f"held = {name}.held"
    yield f"{name}.state = {row.target.name}"
    yield from (_update(name, update) for update in row.updates)
    yield from (f"{effect.name}({name}, {name.upper()})" for effect in row.effects)


def _update(name: str, update: Update) -> str:
    counter, limit = f"{name}.{update.counter}", _limit(name, update.counter)
    if update.change is Change.RESET:
        return f"{counter} = 0"
    if update.change is Change.INCREMENT:
        return f"{counter} = ({counter} < {limit} -> {counter} + 1 : {limit})"
    return f"{counter} = ({counter} > 0 -> {counter} - 1 : 0)"

"""The reader of TLC's state graph of two ends (its output for `dot`), as states and steps of the table world.

Theory: `spec/tla/SessionSteps.tla` describes each step in the state after it, and rests before the next. So a state of
the graph with a description is an arrow between two resting states. Test cases need no more.

Rule 1: the reader is strict: an unknown line, value or field is an error and is never skipped.
Rule 2: only TLC determines the effect of a step. This module decides nothing and reads no table.
Rule 3: the names are those of SessionPair.tla; a field with the same name in the table world has the same meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from ockam_fsm.checking.actors import Deliver, Event, Fire, Order
from ockam_fsm.machines import vocabulary
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.specification.table_world import Counters, Symbol, SymbolicLink, TableEnd
from tests.specification.covering import A_TIMER, AN_ORDER, Transition
from tests.specification.tla_values import Function, Value, value

REST = "rest"
ARRIVALS, LOSS = ("deliver", "duplicate"), "drop"

_NODE = re.compile(r'(-?\d+) \[label="((?:[^"\\]++|\\.)*+)"(,style = filled)?\];?')
_ARROW = re.compile(r'(-?\d+) -> (-?\d+) \[label="\w+",color="\w+",fontcolor="\w+"\];')
_FRAME = re.compile(r'strict digraph DiskGraph \{|nodesep=[\d.]+;|subgraph cluster_graph \{|color="white";|\}*|'
                    r"\{rank = same; [-\d;]+\}")  # fmt: skip
_ESCAPE = re.compile(r"\\(.)")
_CONJUNCT, _NEXT_CONJUNCT = "/\\\\ ", "\\n/\\\\ "
"""The text before a variable in a label, in which a line ends with \\n and a backslash is doubled."""


class Under(NamedTuple):
    """A message in flight, and its receiver."""

    to: str
    said: Symbol


class Standing(NamedTuple):
    """An end and its armed timers."""

    end: TableEnd
    timers: frozenset[vocabulary.Event]


@dataclass(frozen=True)
class Pair:
    """A state: both ends and the messages in flight."""

    ends: Mapping[str, Standing]
    network: Counter[Under]


@dataclass(frozen=True)
class Happened:
    """A step. `event` is None for steps of the network alone. `message`: the message that arrived or was lost. `sent`:
    all messages sent, including those beyond the capacity."""

    by: str
    actor: str
    event: Event | None
    message: Under | None
    rows: tuple[str, ...]
    sent: tuple[Under, ...]


class Arrow(NamedTuple):
    described: int
    successor: int


class Unreadable(ValueError):
    """The output of TLC has an unexpected form."""


class StepGraph:
    """The graph: its states are the resting states, its arrows the states that describe a step (covering.Graph)."""

    def __init__(self, lines: Iterable[str]) -> None:
        """`lines`: the output of TLC with `-dump dot,actionlabels` for the specification StepsSpec.

        Raises:
            Unreadable: a line is unknown, or there is not exactly one initial state.
        """
        self._initial: list[int] = []
        self._labels: dict[int, str] = {}
        self._next: dict[int, list[int]] = {}
        for line in lines:
            self._read(line.rstrip("\n"))
        self._steps = {node: _happened(_variables(label)["step"]) for node, label in self._labels.items()}
        self._states: dict[int, Pair] = {}
        if len(self._initial) != 1:
            raise Unreadable(f"there are {len(self._initial)} initial states, not one")

    def _read(self, line: str) -> None:
        if found := _ARROW.fullmatch(line):
            self._next.setdefault(int(found[1]), []).append(int(found[2]))
        elif found := _NODE.fullmatch(line):
            self._labels[int(found[1])] = found[2]
            self._initial += [int(found[1])] if found[3] else []
        elif not _FRAME.fullmatch(line):
            raise Unreadable(f"unknown line: {line[:80]}")

    # covering.Graph

    def first(self) -> int:
        return self._initial[0]

    def arrows(self, state: int) -> Sequence[Arrow]:
        return [Arrow(node, self._rest_after(node)) for node in self._next.get(state, ())]

    def leads_to(self, arrow: Arrow) -> int:
        return arrow.successor

    def transition(self, state: int, arrow: Arrow) -> Transition | None:
        step = self.step(arrow)
        if step.event is None:
            return None
        ends = self.state(state).ends
        (peer,) = set(ends) - {step.actor}
        return Transition(step.actor, ends[step.actor].end.state.name, _came(step.event), step.rows,
                          ends[peer].end.state.name)  # fmt: skip

    # Contents

    @property
    def states(self) -> list[int]:
        """The resting states."""
        return [node for node, step in self._steps.items() if step is None]

    @cached_property
    def steps(self) -> int:
        """The number of steps."""
        return sum(len(self.arrows(state)) for state in self.states)

    def state(self, node: int) -> Pair:
        if node not in self._states:
            self._states[node] = _pair(_variables(self._labels[node]))
        return self._states[node]

    def step(self, arrow: Arrow) -> Happened:
        found = self._steps[arrow.described]
        assert found is not None
        return found

    def _rest_after(self, node: int) -> int:
        found = self._next.get(node, [])
        if self._steps[node] is None or len(found) != 1 or self._steps[found[0]] is not None:
            raise Unreadable("resting states and states that describe a step do not alternate")
        return found[0]


# Translation to the table world -------------------------------------------------------------------------------------


def _variables(label: str) -> dict[str, str]:
    """Return the text of each variable of a state in its label."""
    found = (one.partition(" = ") for one in label.removeprefix(_CONJUNCT).split(_NEXT_CONJUNCT))
    return {name: text for name, _, text in found}


def _value(text: str) -> Value:
    return value(_ESCAPE.sub(lambda escape: {"n": "\n"}.get(escape[1], escape[1]), text))


@cache
def _happened(text: str) -> Happened | None:
    step = _value(text)
    by, role, name, message, rows, sent = (step[field] for field in ("by", "role", "name", "message", "rows", "sent"))
    if by == REST:
        return None
    event: Event | None = None
    carried = _under(message) if by in (*ARRIVALS, LOSS) else None
    if by in ARRIVALS and carried is not None:
        event = Deliver(carried.said, _peer(role))
    elif by == "expire":
        event = Fire(vocabulary.Event[name])
    elif by == "order":
        event = Order(name.lower())
    elif by != LOSS:
        raise Unreadable(f"a step of kind {by!r}")
    return Happened(by, role, event, carried, rows, tuple(map(_under, sent)))


def _came(event: Event) -> str:
    if isinstance(event, Deliver):
        assert isinstance(event.payload, Symbol)
        return event.payload.kind
    return A_TIMER if isinstance(event, Fire) else AN_ORDER


def _peer(role: str) -> str:
    return next(one.name.lower() for one in Role if one.name.lower() != role)


def _pair(variables: Mapping[str, str]) -> Pair:
    ends = _value(variables["ends"])
    return Pair({role: _standing(end) for role, end in ends.items()}, _bag(_value(variables["network"])))


def _bag(network: Value) -> Counter[Under]:
    pairs = network.pairs if isinstance(network, Function) else ()
    return Counter({_under(message): count for message, count in pairs})


def _under(message: Mapping[str, Value]) -> Under:
    said = dict(message)
    return Under(said.pop("to"), Symbol(**said | {"starter": Role[said["starter"].upper()]}))


def _standing(end: Mapping[str, Value]) -> Standing:
    """Return an end. Fields are matched by name, and structured ones translated; the table world counts held
    messages."""
    found: dict[str, Any] = {_snake(name): what for name, what in end.items()}
    waiting, pending = found.pop("waiting"), found.pop("pending")
    assert (len(waiting), len(pending)) == (end["counters"]["held"], 0)
    timers = frozenset(vocabulary.Event[name] for name in found.pop("timers"))
    translated = {
        "state": State[end["state"]],
        "counters": Counters(**end["counters"]),
        "seen": (end["seen"]["number"], Role[end["seen"]["starter"].upper()]),
        "attempt": _link(end["attempt"]),
        "current": _link(end["current"]),
        "established": _link(end["established"]),
    }
    return Standing(TableEnd(**found | translated), timers)


def _link(link: Mapping[str, Value]) -> SymbolicLink | None:
    return SymbolicLink(**{**link, "starter": Role[link["starter"].upper()]}) if link["number"] else None


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)

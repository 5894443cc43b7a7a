"""TLC's state graph of two ends, as it writes it for `dot`, read as states and steps in the words of the table world.

Theory: `spec/tla/SessionSteps.tla` describes each step in the state after it, and rests before the next. So a described
state of the graph is an arrow between two that rest, and says what happened: test cases need no more.

Rule 1: strict: a line, a value or a field that is not known is an error, never left out.
Rule 2: only TLC says what a step does. Nothing here decides anything, and no table is read.
Rule 3: the names are those of SessionPair.tla; a field that the table world calls the same means the same.
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
"""What stands before a variable in a label, where a line ends with \\n and a backslash is two."""


class Under(NamedTuple):
    """A message under way, and to whom."""

    to: str
    said: Symbol


class Standing(NamedTuple):
    """An end and its armed timers."""

    end: TableEnd
    timers: frozenset[vocabulary.Event]


@dataclass(frozen=True)
class Pair:
    """A state: both ends and what is under way."""

    ends: Mapping[str, Standing]
    network: Counter[Under]


@dataclass(frozen=True)
class Happened:
    """A step: `event` is None if only the network did something. `message`: what arrived, or was lost. `sent`: all of
    it, also what found no room."""

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
    """What TLC wrote is not what it is expected to write."""


class StepGraph:
    """The graph: states that rest are its states, those that describe a step are its arrows (covering.Graph)."""

    def __init__(self, lines: Iterable[str]) -> None:
        """`lines`: what TLC wrote with `-dump dot,actionlabels` for the specification StepsSpec.

        Raises:
            Unreadable: a line is not known, or it does not begin in one state.
        """
        self._initial: list[int] = []
        self._labels: dict[int, str] = {}
        self._next: dict[int, list[int]] = {}
        for line in lines:
            self._read(line.rstrip("\n"))
        self._steps = {node: _happened(_variables(label)["step"]) for node, label in self._labels.items()}
        self._states: dict[int, Pair] = {}
        if len(self._initial) != 1:
            raise Unreadable(f"there are {len(self._initial)} initial states")

    def _read(self, line: str) -> None:
        if found := _ARROW.fullmatch(line):
            self._next.setdefault(int(found[1]), []).append(int(found[2]))
        elif found := _NODE.fullmatch(line):
            self._labels[int(found[1])] = found[2]
            self._initial += [int(found[1])] if found[3] else []
        elif not _FRAME.fullmatch(line):
            raise Unreadable(f"this line is not known: {line[:80]}")

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

    # What there is

    @property
    def states(self) -> list[int]:
        """All that rest."""
        return [node for node, step in self._steps.items() if step is None]

    @cached_property
    def steps(self) -> int:
        """How many steps there are."""
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
            raise Unreadable("states that rest and states that describe a step do not take turns")
        return found[0]


# What TLC says, in the words of the table world ---------------------------------------------------------------------


def _variables(label: str) -> dict[str, str]:
    """The text of each variable of a state, as it stands in the label."""
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
    """Every field goes by its name; those that are not just values are translated. Our tables count what waits."""
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

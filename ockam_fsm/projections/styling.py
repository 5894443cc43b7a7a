"""The kinds of states and events, and their colours in every picture.

Rule 1: colour never carries meaning alone. States have their names, lines have a style, labels have row ids.
Rule 2: the palette is distinct for the three common kinds of colour blindness (after Okabe and Ito); every ink has a
        contrast of at least 4.5 to 1 on white and on the paper of its states.
Left out: machines do not declare the kinds of their states and events. Names do: an event whose meaning starts with
`order:` or `timer:` is one, and the words of a name determine the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from ockam_fsm.kernel.machine import E, F, Machine, Row, S


@dataclass(frozen=True)
class Look:
    """The style of a kind: `ink` for text and lines, `paper` for areas, `line` for the style of an edge.

    `colour` is the name of both colours for texts.
    """

    caption: str
    colour: str
    ink: str
    paper: str
    line: str = "solid"


class StateKind(Enum):
    """The kind of a state, for the first look at a picture."""

    INITIAL = Look("initial", "grey", "#4A5866", "#EEF1F4")
    UNDER_WAY = Look("waiting for the peer", "blue", "#0B5394", "#E3EFFA")
    SETTLED = Look("established", "green", "#00664F", "#DDF3EA")
    FAILURE = Look("failure", "red", "#A3330A", "#FCE8DE")
    FINAL = Look("final", "black", "#FFFFFF", "#37424D")


class EventKind(Enum):
    """The source of an event."""

    ORDER = Look("order of the application", "black", "#26303A", "#E4E8EC", "bold")
    HANDSHAKE = Look("handshake", "blue", "#0B5394", "#E3EFFA", "solid")
    DATA = Look("data and the rest", "green", "#00664F", "#DDF3EA", "solid")
    TIMER = Look("timer", "brown", "#7A4B00", "#FAEFD8", "dashed")
    FAILURE = Look("failure", "red", "#A3330A", "#FCE8DE", "dotted")


_HANDSHAKE_WORDS = frozenset({"HELLO", "ANSWER", "ACCEPT", "SUPERSEDED", "CONFIRMED"})
_TIMER_WORDS = frozenset({"EXPIRED", "DUE"})
_FAILURE_WORDS = frozenset({"LOST", "ERROR", "CLOSE", "AWAY", "FAILED", "STRAY", "REFUSED"})
_INITIAL_WORDS = frozenset({"IDLE", "READY", "LISTENING"})
_FINAL_WORDS = frozenset({"CLOSED", "RESPONDED", "STOPPED"})
_UNDER_WAY_WORDS = frozenset({"NEGOTIATING", "RENEGOTIATING", "PENDING", "AWAITING", "OPENING", "STARTING"})
_FAILED_WORDS = frozenset({"TIMED", "FAILED", "EXPIRED", "LOST", "FULL"})


def _words(name: str) -> frozenset[str]:
    return frozenset(name.upper().split("_"))


def state_kind(machine: Machine[S, E, F], state: S) -> StateKind:
    """Return the kind of `state`: by its place in the machine first, then by the words of its name."""
    if state in machine.final:
        return StateKind.FINAL
    return StateKind.INITIAL if state is machine.initial else _kind_within(state.name)


def state_kind_by_name(name: str) -> StateKind:
    """Return the kind of a state of which only the name is known, as in the record of a run."""
    words = _words(name)
    if words & _FINAL_WORDS:
        return StateKind.FINAL
    return StateKind.INITIAL if words & _INITIAL_WORDS else _kind_within(name)


def _kind_within(name: str) -> StateKind:
    words = _words(name)
    if words & _UNDER_WAY_WORDS:
        return StateKind.UNDER_WAY
    return StateKind.FAILURE if words & _FAILED_WORDS else StateKind.SETTLED


def event_kind(event: Enum) -> EventKind:
    """Return the kind of `event`: by the start of its meaning, then by the words of its name, else data."""
    words, meaning = _words(event.name), meaning_of(event)
    if meaning.startswith("order:"):
        return EventKind.ORDER
    if meaning.startswith("timer:") or words & _TIMER_WORDS:
        return EventKind.TIMER
    if words & _HANDSHAKE_WORDS:
        return EventKind.HANDSHAKE
    return EventKind.FAILURE if words & _FAILURE_WORDS else EventKind.DATA


def meaning_of(member: Enum) -> str:
    """Return the value of `member` if it is a text, which is its meaning; else an empty text."""
    return member.value if isinstance(member.value, str) else ""


def effects_of(machine: Machine[Any, Any, Any]) -> list[Enum]:
    """Return the effects that `machine` uses, in the order of their enumeration."""
    used = {effect for row in machine.rows for effect in row.effects}
    kinds = sorted({type(effect) for effect in used}, key=lambda kind: kind.__name__)
    return [effect for kind in kinds for effect in kind if effect in used]


def guard_text(row: Any) -> str:
    """Return the guard of a row, an ignore or a refusal as text for people; empty if there is none."""
    return " and ".join(str(comparison) for comparison in row.when)


def grouped(machine: Machine[S, E, F]) -> dict[tuple[S, S], tuple[Row[S, E, F], ...]]:
    """Return the rows between each two states, in the order of the states; each group is in the order of the table."""
    groups: dict[tuple[S, S], list[Row[S, E, F]]] = {}
    for row in machine.rows:
        groups.setdefault((row.source, row.target), []).append(row)
    place = {state: index for index, state in enumerate(machine.states)}
    ordered = sorted(groups, key=lambda ends: (place[ends[0]], place[ends[1]]))
    return {ends: tuple(groups[ends]) for ends in ordered}


def generated(page: str) -> str:
    """Return the label on the first line of every generated file."""
    return f"GENERATED from {page}; edit the table"

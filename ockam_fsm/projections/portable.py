"""The machine as JSON: the whole table, for programs in any language.

Rule 1: loss-free. `from_json(to_json(machine))` is the same machine; a test checks that for every machine.
Rule 2: a reader needs nothing else: `cells` has, for each state and event, the decisions that apply, as indices into
        `decisions`. Within a cell exactly one guard holds for every value of the counters.
Rule 3: one decision per line, so that line-based differences of versions are readable.

The shape of a machine:
    name, initial, final          names of states
    states, events, effects       name -> meaning, in order
    counters                      name, limit (a default), meaning, unlimited_allowed
    parts                         title, decisions: how many of the decisions belong to it, in order
    decisions                     row: id, source, event, target, effects, when, updates, cites
                                  ignore: event, sources (empty: wherever nothing else decides), because, when
                                  refuse: as ignore, and remedy
    when                          counter, at_least (false: below), threshold (a number, or "limit")
    cells                         state -> event -> indices of decisions
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

from ockam_fsm.kernel.machine import (
    LIMIT,
    Change,
    Comparison,
    Counter,
    Decision,
    E,
    F,
    Guard,
    Ignore,
    Machine,
    Part,
    Refuse,
    Row,
    S,
    Update,
)
from ockam_fsm.projections.styling import effects_of, generated, meaning_of

Json: TypeAlias = Any
"""What `json.loads` returns."""

WIDTH = 160
"""Longest line of a JSON file, unless one scalar is longer."""


def to_json(machine: Machine[S, E, F]) -> dict[str, Json]:
    """Return `machine` as plain values; the module's docstring has their shape."""
    decisions = list(machine.decisions())
    index = {id(decision): number for number, decision in enumerate(decisions)}
    return {
        "name": machine.name,
        "initial": machine.initial.name,
        "final": [state.name for state in machine.final],
        "states": _meanings(machine.states),
        "events": _meanings(machine.events),
        "effects": _meanings(effects_of(machine)),
        "counters": [
            {"name": c.name, "limit": c.limit, "meaning": c.meaning, "unlimited_allowed": c.unlimited_allowed}
            for c in machine.counters
        ],
        "parts": [{"title": part.title, "decisions": len(part.decisions)} for part in machine.parts],
        "decisions": [_decision(decision) for decision in decisions],
        "cells": {
            state.name: {e.name: [index[id(d)] for d in machine.cells[state, e]] for e in machine.events}
            for state in machine.states
        },
    }


def from_json(
    data: Mapping[str, Json],
    states: type[Enum] | None = None,
    events: type[Enum] | None = None,
    effects: type[Enum] | None = None,
) -> Machine[Any, Any, Any]:
    """Return the machine of such values. Without enumerations it makes its own, of the same names and meanings.

    Raises:
        DefinitionError: the table in `data` is wrong; every problem is listed.
        KeyError: a field is missing, or a name is not a member of its enumeration.
    """
    state = states or _enumeration("State", data["states"])
    event = events or _enumeration("Event", data["events"])
    effect = effects or _enumeration("Effect", data["effects"])
    decisions = iter([_read_decision(item, state, event, effect) for item in data["decisions"]])
    parts = tuple(
        Part(part["title"], tuple(next(decisions) for _ in range(part["decisions"]))) for part in data["parts"]
    )
    counters = tuple(Counter(**counter) for counter in data["counters"])
    final = tuple(state[name] for name in data["final"])
    machine: Machine[Any, Any, Any] = Machine(
        data["name"], state[data["initial"]], final, tuple(event[name] for name in data["events"]), counters, parts
    )
    return machine


def document(machines: Iterable[Machine[Any, Any, Any]], page: str) -> str:
    """Return a file with several machines: `{"generated": ..., "machines": [...]}`."""
    return f"{_pretty({'generated': generated(page), 'machines': [to_json(m) for m in machines]})}\n"


def _meanings(members: Sequence[Enum]) -> dict[str, str]:
    return {member.name: meaning_of(member) for member in members}


def _decision(decision: Decision[S, E, F]) -> dict[str, Json]:
    when = [
        {"counter": c.counter, "at_least": c.at_least, "threshold": "limit" if c.threshold is LIMIT else c.threshold}
        for c in decision.when
    ]
    if isinstance(decision, Row):
        return {
            "kind": "row", "id": decision.id, "source": decision.source.name, "event": decision.event.name,
            "target": decision.target.name, "effects": [effect.name for effect in decision.effects], "when": when,
            "updates": [{"counter": u.counter, "change": u.change.value} for u in decision.updates],
            "cites": decision.cites,
        }  # fmt: skip
    sources = [source.name for source in decision.sources]
    common = {"event": decision.event.name, "sources": sources, "because": decision.because, "when": when}
    if isinstance(decision, Refuse):
        return {"kind": "refuse", **common, "remedy": decision.remedy}
    return {"kind": "ignore", **common}


def _enumeration(name: str, meanings: Mapping[str, str]) -> type[Enum]:
    # Two members of the same meaning would be one member and its alias, hence the pair.
    unique = len(set(meanings.values())) == len(meanings)
    kind: type[Enum] = Enum(name, [(n, m if unique else (n, m)) for n, m in meanings.items()])  # type: ignore[misc]
    return kind


def _read_decision(
    item: Mapping[str, Json], states: type[Enum], events: type[Enum], effects: type[Enum]
) -> Decision[Any, Any, Any]:
    when, event = _read_guard(item["when"]), events[item["event"]]
    if item["kind"] == "row":
        updates = tuple(Update(update["counter"], Change(update["change"])) for update in item["updates"])
        chosen = tuple(effects[name] for name in item["effects"])
        source, target = states[item["source"]], states[item["target"]]
        return Row(item["id"], source, event, target, chosen, when, updates, item["cites"])
    sources = tuple(states[name] for name in item["sources"])
    if item["kind"] == "refuse":
        return Refuse(event, sources, item["because"], item["remedy"], when)
    return Ignore(event, sources, item["because"], when)


def _read_guard(items: Iterable[Mapping[str, Json]]) -> Guard:
    return tuple(
        Comparison(c["counter"], c["at_least"], LIMIT if c["threshold"] == "limit" else c["threshold"]) for c in items
    )


def _pretty(value: Json, depth: int = 0) -> str:
    """Return JSON with each value on one line if it fits."""
    flat = json.dumps(value, ensure_ascii=False)
    if depth + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    indent = " " * (depth + 1)
    inner = f",\n{indent}".join(_items(value, depth + 1))
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{indent}{inner}\n{' ' * depth}{closing}"


def _items(value: Json, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{json.dumps(key, ensure_ascii=False)}: {_pretty(item, depth)}"
    else:
        for item in value:
            yield _pretty(item, depth)

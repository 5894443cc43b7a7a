"""The machine as SCXML (W3C Recommendation, 1 September 2015), for tools that read it.

A state is a `state` or a `final`, a row is a `transition`, in the order of the table. A counter is a `data` element,
its limit is another (`attempts` and `attempts_limit`; the value given is the default). A guard is a `cond`, an update
an `assign`, an effect a `raise` of the internal event `effect.NAME`, which no transition takes. Expressions are valid
in ECMAScript and in Python. A row id is the attribute `row` of a separate namespace.

Two machines that exchange messages are one document that invokes both, each with counters and states of its own.

Characters that are special in XML or SCXML names (a space in an id, a dot in an event) are replaced.

Left out: ignored and refused events. SCXML discards an event that no transition takes, so both have no effect there;
their reasons are in the JSON. A limit of None is `Infinity`, which the loading program may assign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any
from xml.sax.saxutils import quoteattr

from ockam_fsm.kernel.machine import LIMIT, Change, E, F, Guard, Machine, Row, S, Update
from ockam_fsm.projections.styling import generated

NAMESPACE = "http://www.w3.org/2005/07/scxml"
ROW_NAMESPACE = "urn:ockam-fsm:table"
INVOKED = "http://www.w3.org/TR/scxml/"
RUNNING = "RUNNING"
"""The one state of a document that invokes others."""


def to_scxml(machine: Machine[S, E, F], page: str) -> str:
    """Return `machine` as one SCXML document."""
    return _document(_machine(machine), page)


def together_to_scxml(name: str, machines: Sequence[Machine[Any, Any, Any]], page: str) -> str:
    """Return several machines as one SCXML document that invokes each; events for one are sent to `#_` and its id."""
    invoked = [line for machine in machines for line in _invoke(machine)]
    return _document([_root(name, quoteattr(RUNNING)), f'  <state id="{RUNNING}">', *invoked, "  </state>"], page)


def _document(lines: Sequence[str], page: str) -> str:
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', f"<!-- {generated(page)} -->", *lines, "</scxml>", ""])


def _root(name: str, initial: str) -> str:
    return (
        f'<scxml xmlns={quoteattr(NAMESPACE)} xmlns:table={quoteattr(ROW_NAMESPACE)} version="1.0" '
        f'datamodel="ecmascript" name={quoteattr(name)} initial={initial}>'
    )


def _machine(machine: Machine[S, E, F]) -> list[str]:
    states = [line for state in machine.states for line in _state(machine, state)]
    return [_root(machine.name, _name(machine.initial)), *_datamodel(machine), *states]


def _invoke(machine: Machine[Any, Any, Any]) -> list[str]:
    opening = f'<invoke type="{INVOKED}" id={quoteattr(_safe(machine.name.replace(" ", "-")))}>'
    inside = [*_machine(machine), "</scxml>"]
    return [
        f"    {opening}",
        "      <content>",
        *(f"        {line}" for line in inside),
        "      </content>",
        "    </invoke>",
    ]


def _datamodel(machine: Machine[S, E, F]) -> list[str]:
    if not machine.counters:
        return []
    lines = []
    for counter in machine.counters:
        lines.append(f'    <data id="{counter.name}" expr="0"/>')
        lines.append(f'    <data id="{counter.name}_limit" expr="{counter.limit}"/>')
    return ["  <datamodel>", *lines, "  </datamodel>"]


def _state(machine: Machine[S, E, F], state: S) -> list[str]:
    if state in machine.final:
        return [f"  <final id={_name(state)}/>"]
    rows = [line for row in machine.rows if row.source is state for line in _transition(row)]
    return [f"  <state id={_name(state)}>", *rows, "  </state>"]


def _transition(row: Row[S, E, F]) -> list[str]:
    cond = f" cond={quoteattr(_condition(row.when))}" if row.when else ""
    opening = f"    <transition event={_name(row.event)}{cond} target={_name(row.target)} table:row={quoteattr(row.id)}"
    inside = [line for update in row.updates for line in _assign(update)]
    inside += [f'      <raise event="effect.{effect.name}"/>' for effect in row.effects]
    return [f"{opening}>", *inside, "    </transition>"] if inside else [f"{opening}/>"]


def _name(member: Enum) -> str:
    """Return the name as an attribute value that is an XML name and one event descriptor."""
    return quoteattr(_safe(member.name))


def _safe(text: str) -> str:
    name = re.sub(r"[^\w-]", lambda found: f"_{ord(found[0]):x}_", text)
    return name if re.match(r"[^\W\d]", name) else f"_{name}"


def _condition(guard: Guard) -> str:
    terms = []
    for comparison in guard:
        bound = f"{comparison.counter}_limit" if comparison.threshold is LIMIT else comparison.threshold
        terms.append(f"{comparison.counter} {'>=' if comparison.at_least else '<'} {bound}")
    # `&&` in ECMAScript is `and` in Python; a product of truth values is valid in both.
    return terms[0] if len(terms) == 1 else " * ".join(f"({term})" for term in terms)


def _assign(update: Update) -> list[str]:
    name = update.counter
    if update.change is Change.RESET:
        return [f'      <assign location="{name}" expr="0"/>']
    cond, sign = (f"{name} &lt; {name}_limit", "+") if update.change is Change.INCREMENT else (f"{name} &gt; 0", "-")
    return [
        f'      <if cond="{cond}">',
        f'        <assign location="{name}" expr="{name} {sign} 1"/>',
        "      </if>",
    ]

"""SCXML: the structure, and the same steps in another interpreter."""

from __future__ import annotations

import random
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from statemachine.io.scxml.processor import SCXMLProcessor

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Machine
from ockam_fsm.kernel.step import start, step
from ockam_fsm.machines import MACHINES
from ockam_fsm.projections.scxml import NAMESPACE, ROW_NAMESPACE, to_scxml, together_to_scxml
from tests.projections.samples import EVERY, NAMES, ODD, PAGE

AnyMachine = Machine[Any, Any, Any]
SC = f"{{{NAMESPACE}}}"

CHILDREN = {
    "scxml": {"datamodel", "state", "final"},
    "datamodel": {"data"},
    "state": {"transition"},
    "transition": {"assign", "if", "raise"},
    "if": {"assign"},
}
"""The allowed children of each element that is used (the Recommendation, sections 3 and 4)."""

REQUIRED = {"scxml": {"version"}, "data": {"id"}, "assign": {"location", "expr"}, "raise": {"event"}, "if": {"cond"}}


def parsed(machine: AnyMachine) -> ElementTree.Element:
    return ElementTree.fromstring(to_scxml(machine, PAGE).encode())


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_the_structure_is_that_of_the_recommendation(machine: AnyMachine) -> None:
    root = parsed(machine)
    assert root.tag == f"{SC}scxml"
    assert root.get("version") == "1.0"
    for element in root.iter():
        name = element.tag.removeprefix(SC)
        assert {child.tag.removeprefix(SC) for child in element} <= CHILDREN.get(name, set())
        assert REQUIRED.get(name, set()) <= element.attrib.keys()


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_name_is_an_xml_name_and_every_target_exists(machine: AnyMachine) -> None:
    root = parsed(machine)
    ids = [e.get("id", "") for e in root if e.tag in (f"{SC}state", f"{SC}final")]
    assert len(set(ids)) == len(ids) == len(machine.states)
    assert all(re.fullmatch(r"[^\W\d][\w-]*", name) for name in ids)
    assert root.get("initial") in ids
    for transition in root.iter(f"{SC}transition"):
        assert transition.get("target") in ids
        assert re.fullmatch(r"[\w-]+", transition.get("event", ""))


def test_invoked_machines_are_the_same_as_single_ones() -> None:
    machines = EVERY[:2]
    root = ElementTree.fromstring(together_to_scxml("a & b", machines, PAGE).encode())
    (running,) = root
    assert (root.get("name"), root.get("initial")) == ("a & b", running.get("id"))
    contents = [content for invoke in running for content in invoke]
    assert [canonical(content[0]) for content in contents] == [canonical(parsed(machine)) for machine in machines]
    ids = [invoke.get("id", "") for invoke in running]
    assert len(set(ids)) == len(machines)
    assert all(re.fullmatch(r"[^\W\d][\w-]*", name) for name in ids)


def canonical(element: ElementTree.Element) -> str:
    return ElementTree.canonicalize(ElementTree.tostring(element), strip_text=True)


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_there_is_one_transition_per_row(machine: AnyMachine) -> None:
    transitions = list(parsed(machine).iter(f"{SC}transition"))
    assert sorted(t.get(f"{{{ROW_NAMESPACE}}}row", "") for t in transitions) == sorted(row.id for row in machine.rows)
    by_id = {t.get(f"{{{ROW_NAMESPACE}}}row"): t for t in transitions}
    for row in machine.rows:
        raised = [raised.get("event") for raised in by_id[row.id].iter(f"{SC}raise")]
        assert raised == [f"effect.{effect.name}" for effect in row.effects]
        assert ("cond" in by_id[row.id].attrib) == bool(row.when)


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_final_states_are_final_and_counters_are_data(machine: AnyMachine) -> None:
    root = parsed(machine)
    assert len(root.findall(f"{SC}final")) == len(machine.final)
    data = {e.get("id"): e.get("expr") for e in root.iter(f"{SC}data")}
    expected = {c.name: "0" for c in machine.counters}
    assert data == expected | {f"{c.name}_limit": str(c.limit) for c in machine.counters}


def interpreted(machine: AnyMachine) -> Any:
    processor = SCXMLProcessor()
    processor.parse_scxml("machine", to_scxml(machine, PAGE))
    return processor.start()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "steps", [pytest.param(700, marks=pytest.mark.slow), pytest.param(5_000, marks=pytest.mark.nightly)]
)
@pytest.mark.parametrize("machine", MACHINES, ids=[m.name for m in MACHINES])
def test_another_interpreter_takes_the_same_steps(machine: AnyMachine, steps: int) -> None:
    choose = random.Random(machine.name)
    theirs, ours = interpreted(machine), start(machine)
    taken = set()
    for number in range(steps):
        going_on = [row.event for row in machine.rows if row.source is ours.state and row.target not in machine.final]
        event = choose.choice(going_on if number % 4 and going_on else machine.events)
        theirs.send(event.name)
        try:
            outcome = step(machine, ours, event)
            ours = outcome.configuration
            taken.add(getattr(outcome.decision, "id", None))
        except EventRefused:
            pass
        assert theirs.configuration_values == {ours.state.name}
        assert tuple(getattr(theirs.model, c.name) for c in machine.counters) == ours.counters
        if ours.state in machine.final:
            theirs, ours = interpreted(machine), start(machine)
    assert len(taken) > len(machine.rows) / 3


def test_several_comparisons_are_one_condition() -> None:
    both = [row for machine in MACHINES for row in machine.rows if len(row.when) > 1]
    machine = next(machine for machine in MACHINES if both[0] in machine.rows)
    transition = next(
        t for t in parsed(machine).iter(f"{SC}transition") if t.get(f"{{{ROW_NAMESPACE}}}row") == both[0].id
    )
    assert re.fullmatch(r"\(\w+ (<|>=) \w+\)( \* \(\w+ (<|>=) \w+\))+", transition.get("cond", ""))


def test_the_label_is_a_comment_before_the_root() -> None:
    assert to_scxml(ODD, PAGE).splitlines()[1] == f"<!-- GENERATED from {PAGE}; edit the table -->"

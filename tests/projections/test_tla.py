"""A machine as a TLA+ module: every row is an operator under its id, and every cell is decided."""

from __future__ import annotations

import re

import pytest

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines import MACHINES
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, table
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.projections.gallery import AnyMachine
from ockam_fsm.projections.tla import WIDTH, comment, module_name, tla_string, to_tla
from ockam_fsm.projections.tla_model import TlaModel, texts
from tests.projections.samples import ODD, PAGE

OURS = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
BOTH = EXPLICIT_PERSISTENT_TWO_SIDED


def decide(text: str) -> str:
    return text[text.index("Decide(state, event, c, max) ==") :]


@OURS
def test_every_row_is_an_operator_and_is_decided_for(machine: AnyMachine) -> None:
    text = to_tla(machine, PAGE)
    for row in machine.rows:
        assert len(re.findall(rf"^{row.id}\(c, max\) ==", text, re.MULTILINE)) == 1
        assert len(re.findall(rf"-> {row.id}\(c, max\)", decide(text))) == 1


@OURS
def test_every_event_is_decided_once_in_every_state(machine: AnyMachine) -> None:
    states = re.split(r"state = \"(\w+)\" ->", decide(to_tla(machine, PAGE)))[1:]
    assert states[::2] == [state.name for state in machine.states]
    for cases in states[1::2]:
        heads = re.findall(r"event (?:= (\"\w+\")|\\in \{([^}]*)\}) ->", cases)
        named = [name for head in heads for name in re.findall(r'"(\w+)"', "".join(head))]
        assert sorted(named) == sorted(event.name for event in machine.events)


def test_a_row_reads_like_the_table() -> None:
    text = to_tla(table(BOTH, Role.INITIATOR), PAGE, "a relay")
    assert text.startswith(f"GENERATED from {PAGE}; edit the table\n--")
    assert " MODULE ExplicitPersistentTwoSidedInitiator " in text
    assert "\\* explicit-persistent-two-sided initiator: a relay\n" in text
    assert (
        "\\* TIMED_OUT, BACK_OFF_EXPIRED [attempts < attempts limit]. Source: 3.5\n"
        'BX1(c, max) == Row("BX1", "RENEGOTIATING", [c EXCEPT !.attempts = Increment(@, max.attempts)],\n'
        '    <<"START_ATTEMPT", "SEND_HELLO", "START_NEGOTIATION">>)\n'
    ) in text
    assert (
        '        [] event = "NEGOTIATION_EXPIRED" ->\n'
        "            (CASE c.usable >= 1 -> RO8(c, max)\n"
        "              [] c.usable < 1 -> RO9(c, max))\n"
    ) in text
    assert '[] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")' in text


def test_a_changed_table_changes_the_text() -> None:
    machine = table(BOTH, Role.INITIATOR)
    changed = machine.with_rows(machine.name, without=["GB6"])
    assert to_tla(changed, PAGE) != to_tla(machine, PAGE)


def test_a_row_that_cannot_be_an_operator_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"the row id '<B>' is not a name in TLA\+"):
        to_tla(ODD, PAGE)


def test_strings_and_comments() -> None:
    assert tla_string('a "b" \\c') == '"a \\"b\\" \\\\c"'
    lines = comment("word " * 60)
    assert len(lines) > 1
    assert all(line.startswith("\\* word") and len(line) <= WIDTH for line in lines)
    assert module_name("synchronous request") == "SynchronousRequest"


def test_a_model_has_its_bounds_and_its_claims() -> None:
    machine = table(BOTH, Role.INITIATOR)
    model = TlaModel(
        "MCToy", "a toy", "SessionProperties", tables={"initiator": machine}, limits={"initiator": {"attempts": None}},
        orders={"initiator": {"OPEN": 1}}, constants={"InFlight": "2"}, wrong=(("At", "OneAddress"),),
        invariants=("S7_EndsAgree",), properties=("S2_ClosedIsFinal",), variants=(machine,),
    )  # fmt: skip
    files = texts(model, PAGE)
    assert list(files) == ["MCToy.tla", "MCToy.cfg", "ExplicitPersistentTwoSidedInitiator.tla"]
    assert "TheLimits ==\n    [initiator |-> [attempts |-> Unlimited]]\n" in files["MCToy.tla"]
    assert "TheOrders ==\n    [initiator |-> [OPEN |-> 1]]\n" in files["MCToy.tla"]
    for line in ("SPECIFICATION Spec", "    InFlight = 2", "    At <- OneAddress", "    S7_EndsAgree", "PROPERTIES"):
        assert f"{line}\n" in files["MCToy.cfg"]


def test_a_model_without_tables_has_none() -> None:
    files = texts(TlaModel("MCBare", "bare", "Request", constants={"Reissue": "TRUE"}), PAGE)
    assert "INSTANCE" not in files["MCBare.tla"]
    assert "INVARIANTS" not in files["MCBare.cfg"]

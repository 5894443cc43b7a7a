"""A bounded part of the mutation test of the properties (`python -m tests.quality.mutants`), and its page."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.sessions.worlds import WAYS, config_of
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from tests.quality import report
from tests.quality.mutants import fate_of, judge, scene, scenes_for
from tests.quality.operators import Mutant, mutants_of
from tests.quality.reasons import NEVER, REASONS
from tests.quality.report import INDISTINGUISHABLE, KILLED, SURVIVOR, UNDEFINABLE, Fate
from tests.quality.stage import STRANGERS

EVERY = {kind.name: list(mutants_of(kind, Role.RESPONDER)) + list(mutants_of(kind, Role.INITIATOR)) for kind in TYPES}


def mutant(kind: SessionType, role: Role, fault: str) -> Mutant:
    (found,) = [one for one in mutants_of(kind, role) if one.fault == fault]
    return found


# Mutants --------------------------------------------------------------------------------------------------------------


def test_every_kind_of_fault_is_tried_in_every_table() -> None:
    for mutants in EVERY.values():
        assert len({one.name for one in mutants}) == len(mutants)
        kinds = Counter(one.fault.split()[1] for one in mutants)
        assert set(kinds) == {"drop", "retarget", "lose", "swap", "guard", "update"}


def test_each_mutant_is_one_fault() -> None:
    one = mutant(EXPLICIT_TRANSIENT, Role.INITIATOR, "XT1 swap START_ATTEMPT, SEND_HELLO")
    assert one.rows == {"XT1"}
    machine = one.machine()
    assert machine.name == one.name
    assert [row.id for row in machine.rows if row not in one.changed] == [
        row.id for row in machine.rows if row.id != "XT1"
    ]


def test_a_mutant_that_cannot_be_defined_needs_no_world() -> None:
    one = mutant(EXPLICIT_TRANSIENT, Role.INITIATOR, "HT1 guard negated held < held limit")
    with pytest.raises(DefinitionError):
        one.machine()
    assert fate_of(one, []).verdict == UNDEFINABLE


# The stage ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("way", [way for way in WAYS if STRANGERS not in way])
def test_the_real_table_behaves_on_the_stage_as_in_its_world(way: str) -> None:
    real = explore(WAYS[way](config_of(EXPLICIT_TRANSIENT)), backend="stdlib")
    assert scene(EXPLICIT_TRANSIENT, way).states == real.states


# The sample -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_mutants_of_one_type_are_killed() -> None:
    fates = judge(EXPLICIT_TRANSIENT)
    assert report.share_killed(fates) >= report.GOAL
    assert report.unexplained(fates) == []
    assert Counter(fate.verdict for fate in fates)[KILLED] > 350


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("fault", "by"),
    [
        ("ES2 lose DELIVER", "S11"),
        ("FW3 lose NOTIFY_TIMED_OUT", "S17"),
        ("QW1 lose START_IDLE", "S18"),
        ("ES3 lose START_IDLE", "S19"),
        ("V3 update missing usable := 0", "S20"),
        ("ES3 lose ANSWER_KEEPALIVE", "S21"),
    ],
)
def test_a_mutant_survives_without_the_property_that_kills_it(fault: str, by: str) -> None:
    """Each property is needed, in one world."""
    one = mutant(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, fault)
    scenes = [scene(one.kind, "responder-among-strangers")]
    assert fate_of(one, scenes).by == by
    assert fate_of(one, scenes, frozenset({by})).verdict == SURVIVOR


@pytest.mark.thorough
def test_without_the_obligations_the_share_falls_below_the_goal() -> None:
    """The goal is strict enough: without S17 to S22 more mutants survive than it allows."""
    conduct = frozenset({"S17", "S18", "S19", "S20", "S21", "S22"})
    scenes = scenes_for(EXPLICIT_TRANSIENT, Role.INITIATOR)
    chosen = [one for one in mutants_of(EXPLICIT_TRANSIENT, Role.INITIATOR) if " lose NOTIFY" in one.fault]
    fates = [fate_of(one, scenes, conduct) for one in chosen]
    assert report.share_killed(fates) < report.GOAL
    assert len(report.unexplained(fates)) == [one.verdict for one in fates].count(SURVIVOR) > len(chosen) / 2
    assert report.share_killed(fate_of(one, scenes) for one in chosen) == 1


# The page -------------------------------------------------------------------------------------------------------------


def test_every_survivor_has_a_reason_and_every_reason_a_survivor() -> None:
    page = report.PROPERTIES.path.read_text(encoding="utf-8")
    assert "no reason is known" not in page
    survivors = re.findall(r"^- `(\S+ \S+: .+?)`: (.+)$", page, re.MULTILINE)
    rows = re.findall(r"^- `(\w+ \w+)`: (.+)$", page, re.MULTILINE)
    assert dict(rows) == NEVER
    used = {name if name in REASONS else name.partition(": ")[2] for name, _ in survivors}
    assert used == set(REASONS)


def test_the_page_counts_all_mutants() -> None:
    page = report.PROPERTIES.path.read_text(encoding="utf-8")
    for name, mutants in EVERY.items():
        assert f"| {name} | {len(mutants)} |" in page
    total = sum(len(mutants) for mutants in EVERY.values())
    assert f"| all | {total} |" in page
    (share,) = re.findall(r"^([\d.]+)% of the distinguishable", page, re.MULTILINE)
    assert float(share) >= report.GOAL * 100


def test_a_survivor_without_a_reason_is_reported() -> None:
    fates = [Fate("t initiator: A1 drop", SURVIVOR), Fate("t initiator: A2 drop", KILLED, "S1"),
             Fate("t initiator: A3 drop", INDISTINGUISHABLE, report.NEVER_TAKEN)]  # fmt: skip
    assert report.unexplained(fates) == ["t initiator: A1 drop", "initiator A3"]
    assert report.share_killed(fates) == 0.5
    assert "no reason is known" in report.text({"t": fates})

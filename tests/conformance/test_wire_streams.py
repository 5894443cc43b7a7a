"""The stream cases of the black-box kit: our service passes each, and mutants are rejected for their clause."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.kit import STREAM_CASES, Kit
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from tests.conformance.defective import failures
from tests.conformance.defective_streams import DEFECTS, FAIR, Defect, node_with

MUTANTS: dict[str, tuple[str, str]] = {
    # defect: the case that is about it, the clause that it breaks
    "another-name": ("stream-create", "12.10"),
    "leads-to-the-service": ("stream-create", "12.10"),
    "creates-anew": ("stream-created-again", "12.10"),
    "one-worker": ("stream-partitions", "12.10"),
    "some-partitions": ("stream-no-partitions", "12.10"),
    "creates-itself": ("stream-create-at-the-worker", "12.10"),
    "refuses-in-silence": ("stream-create-at-the-worker", "12.10"),
    "takes-pushes": ("stream-requests-at-the-service", "12.10"),
    "silent-index": ("stream-requests-at-the-index", "12.10"),
    "dies-of-nonsense": ("stream-malformed-requests", "14.4"),
    "stores-what-it-cannot-read": ("stream-malformed-requests", "14.4"),
    "confirms-as-first": ("stream-identifiers", "6.2"),
    "suppresses-identifiers": ("stream-same-push-twice", "12.6"),
    "confirms-under-0": ("stream-confirmed-index", "12.6"),
    "another-pull": ("stream-pull", "12.7"),
    "from-the-beginning": ("stream-pull", "12.7"),
    "without-limit": ("stream-pull", "12.7"),
    "backwards": ("stream-pull", "12.7"),
    "waits-at-the-end": ("stream-pull-past-the-end", "12.7"),
    "last-again": ("stream-pull-past-the-end", "12.7"),
    "forgets-saves": ("stream-index", "12.8"),
    "makes-up-0": ("stream-index", "12.8"),
    "keeps-the-last-save": ("stream-index-behind", "12.8"),
    "one-index-for-all-partitions": ("stream-index-of-each-partition", "12.8"),
    "one-index-for-all-groups": ("stream-index-of-each-group", "12.8"),
    "first-partition-only": ("publisher-route", "12.10"),
    "stores-again": ("publisher-repeats", "12.3"),
    "confirms-once": ("publisher-repeats", "12.3"),
    "stores-beyond": ("publisher-gap", "12.3"),
    "confirms-beyond": ("publisher-gap", "12.3"),
    "takes-0": ("publisher-under-0", "12.3"),
    "one-numbering": ("publishers-apart", "12.3"),
    "resumes-everybody": ("publisher-unknown", "12.4"),
    "forgets-state": ("publisher-known", "12.4"),
    "never-resumes": ("publisher-comes-back", "12.4"),
    "forgets-with-the-session": ("publisher-comes-back", "12.4"),
}
ALLOWED = {
    # other clauses that the defect breaks
    "leads-to-the-service": {"12.6"},
    "confirms-as-first": {"12.3"},
    "one-numbering": {"12.4"},
}
NAMES = tuple(one.name for one in STREAM_CASES)
PATIENCE = 2.0


async def judged(defect: Defect, only: Iterable[str], *, declared: bool = True) -> Report:
    """Judge a node with a defect, in profile `generation`, with these cases. `declared`: whether --stream is given."""
    async with node_with(defect) as where:
        stream, index = ("stream", "stream_index") if declared else ("", "")
        target = NodeUnderTest(where, "generation", "echo", stream, stream_index=index, profile=GENERATION,
                               session_type=EXPLICIT_PERSISTENT_ONE_SIDED, pace=Pace(PATIENCE, 0.01))  # fmt: skip
        return await Kit(target, "conform", lambda done, total, name: None, CaseSelection(tuple(only))).judge()


def found(report: Report) -> dict[str, Verdict]:
    return {one.case: one.verdict for one in report.findings if one.case in NAMES}


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The report of each node for the case about its defect."""

    async def main() -> list[Report]:
        return await asyncio.gather(*(judged(one, [MUTANTS[one.name][0]]) for one in DEFECTS))

    return dict(zip(MUTANTS, run(main(), fast=False), strict=True))


def test_every_defect_is_tried_by_every_case() -> None:
    assert [one.name for one in DEFECTS] == list(MUTANTS)
    assert {name for name, _ in MUTANTS.values()} == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_rejected_for_its_clause(reports: dict[str, Report], name: str) -> None:
    case, clause = MUTANTS[name]
    failed = {(one.case, one.clause) for one in reports[name].findings if one.verdict is Verdict.FAIL}
    assert failed == {(case, clause)}, reports[name].findings
    assert reports[name].exit_code == 1


@pytest.mark.thorough
def test_a_defect_breaks_no_other_clause() -> None:
    """All cases on every defect."""

    async def main() -> list[Report]:
        return await asyncio.gather(*(judged(one, NAMES) for one in DEFECTS))

    for (name, (_, clause)), report in zip(MUTANTS.items(), run(main(), fast=False), strict=True):
        assert clause in failures(report), name
        assert failures(report) <= {clause} | ALLOWED.get(name, set()), name


@pytest.mark.slow
@pytest.mark.parametrize("fair", FAIR, ids=lambda one: str(one.name))
def test_a_fair_service_passes_everything(fair: Defect) -> None:
    report = run(judged(fair, NAMES), fast=False)
    reasons = [(one.case, one.reason) for one in report.findings if one.verdict is not Verdict.PASS]
    assert found(report) == dict.fromkeys(NAMES, Verdict.PASS), reasons
    assert report.exit_code == 0


def test_without_a_service_nothing_is_applicable() -> None:
    report = run(judged(FAIR[0], NAMES, declared=False), fast=False)
    assert found(report) == dict.fromkeys(NAMES, Verdict.NOT_APPLICABLE)
    assert {one.reason for one in report.findings if one.case in NAMES} == {
        "no stream service is declared (--stream)", "no index worker is declared (--stream-index)",
    }  # fmt: skip


def test_profile_ockam_has_no_publishers_but_all_the_rest() -> None:
    async def main() -> Report:
        async with node_with(FAIR[0]) as where:
            target = NodeUnderTest(
                where, "ockam", "echo", "stream", OCKAM, EXPLICIT_TRANSIENT, stream_index="stream_index"
            )
            return await Kit(target, "conform", lambda done, total, name: None, CaseSelection(tuple(NAMES))).judge()

    report = run(main(), fast=False)
    assert found(report) == {name: Verdict.PASS for name in NAMES if name.startswith("stream")}

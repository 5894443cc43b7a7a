"""Every case on every defective node, and all of our own node: what is too long for `make test` (run by path).

Beyond test_wire_teeth.py it shows that the kit, not knowing what to look for, finds the clause all the same, and that a
defect is not laid at the door of clauses that have nothing to do with it. `ALLOWED`: what else it may break, since a
wrong node is rarely wrong in one clause only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ockam_fsm.conformance.findings import Report
from tests.conformance.defective import defective_nodes, failures, judged, target
from tests.conformance.test_wire_bounded import TARGETS, Serve
from tests.conformance.test_wire_bounded import judged as tried
from tests.conformance.test_wire_teeth import TEETH

ALLOWED = {
    # a host that finds nobody again has no renegotiation, no state and no previous generation
    "responder-leaked-per-duplicate": {"2.1", "3.6", "3.8", "4.3", "4.5"},
    "established-on-answering": {"3.9", "4.4"},
    "reused-address": {"4.3", "4.4", "4.5"},
    "foreign-worker": {"2.1", "3.8", "4.2", "4.3", "4.4"},
    "forgets-state": {"3.8"},
    "no-negotiation-timeout": {"4.4"},
    "identifiers-ignored": {"7.3"},
    "ignores-close": {"3.6"},
    "malformed-frame-ends-all": {"14.1"},
    "takes-from-any-connection": {"5.4"},
    "malformed-handshake-kills": {"2.3"},
    "delivers-twice": {"7.3", "14.3"},
}


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    with defective_nodes() as where:
        tried = {name: (target(where[name], profile), ()) for name, (profile, _, _) in TEETH.items()}
        ours = {f"none {profile}": (target(where["none"], profile), ()) for profile in ("ockam", "generation")}
        yield judged(tried | ours)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEETH)
def test_a_defect_is_found_by_all_cases_and_blamed_for_nothing_else(reports: dict[str, Report], name: str) -> None:
    found, broken = failures(reports[name]), TEETH[name][2]
    assert broken <= found
    assert found <= broken | ALLOWED.get(name, set()), [line.reason for line in reports[name].lines if line.deviates]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["ockam", "generation"])
def test_ours_passes_filled_to_its_capacity(reports: dict[str, Report], profile: str) -> None:
    report = reports[f"none {profile}"]
    assert report.exit_code == 0, [line.reason for line in report.lines if line.deviates]
    assert any(one.case == "capacity" and one.verdict.value == "PASS" for one in report.findings)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["ockam", "generation"])
@pytest.mark.parametrize(("serve", "clauses"), TARGETS)
def test_all_cases_end_against_what_is_no_node(serve: Serve, clauses: set[str], profile: str) -> None:
    report = tried(serve, profile, run_seconds=60.0)
    assert failures(report) >= clauses
    assert report.exit_code == 1

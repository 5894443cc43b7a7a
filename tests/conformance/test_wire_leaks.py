"""Leaked responders are found, also without declarations.

A leak that cannot be observed is NOT APPLICABLE, with the option to declare; it never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import pytest

from ockam_fsm.conformance.report.findings import Finding, Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.runtime.session.config import Durations
from tests.conformance.defective import defective_nodes, judged, target
from tests.conformance.defective_node import LASTING, OPTION

GONE, DUPLICATE, ROOM = "gone-with-its-connection", "duplicate-gone-with-its-connection", "lost-connection-frees"


class Tried(NamedTuple):
    node: str
    kind: str
    case: str
    declared: bool = False


FOUND: Mapping[Tried, tuple[Verdict, str]] = {
    # the case and its node: the verdict and a part of its reason
    Tried("none", "ockam", GONE): (Verdict.NOT_APPLICABLE, "declare --capacity to judge it"),
    Tried("none", "ockam", GONE, declared=True): (Verdict.NOT_APPLICABLE, "see case lost-connection-frees"),
    Tried("none", "ockam", DUPLICATE): (Verdict.NOT_APPLICABLE, "declare --capacity to judge it"),
    Tried("none", "ockam", ROOM, declared=True): (Verdict.PASS, "found a place again"),
    Tried("none", "ockam", ROOM): (Verdict.NOT_APPLICABLE, "--capacity"),
    Tried("none", "transient", GONE): (Verdict.PASS, "gone: "),
    Tried("none", "one-sided", GONE): (Verdict.NOT_APPLICABLE, "retention"),
    Tried("takes-from-any-connection", "ockam", GONE): (Verdict.PASS, "gone: "),
    Tried("takes-from-any-connection", "ockam", DUPLICATE): (Verdict.PASS, "ends with its connection"),
    Tried("knows-no-carriers", "ockam", GONE): (Verdict.FAIL, "unconfirmed responder whose connection was closed"),
    Tried("knows-no-carriers", "ockam", DUPLICATE): (Verdict.FAIL, "expected the second responder"),
    Tried("knows-no-carriers", "transient", GONE): (Verdict.FAIL, "a responder whose connection was reset"),
    Tried("forgets-lower-layer", "ockam", GONE): (Verdict.NOT_APPLICABLE, "declare --capacity to judge it"),
    Tried("forgets-lower-layer", "ockam", ROOM, declared=True): (Verdict.FAIL, "expected places for"),
    Tried("unbounded-responders", "ockam", ROOM, declared=True): (Verdict.NOT_APPLICABLE, "a leak does not show"),
    Tried("unbounded-responders", "one-sided", "repeated-hello-leaks", declared=True): (
        Verdict.NOT_APPLICABLE, "than the declared 600",
    ),
    Tried("none", "one-sided", "repeated-hello-leaks", declared=True): (Verdict.PASS, "admits another session"),
}  # fmt: skip


def tried_on(where: str, tried: Tried) -> NodeUnderTest:
    whole = target(where, tried.kind, patience=2.0)
    return (
        replace(whole, durations=LASTING)
        if tried.declared
        else replace(whole, capacity=None, declared=frozenset(), durations=Durations())
    )


@pytest.fixture(scope="module")
def reports() -> dict[Tried, Report]:
    """The reports. Cases that fill a node have one node each."""
    found: dict[str, Report] = {}
    together = [tried for tried in FOUND if not tried.declared]
    for those in together, *([tried] for tried in FOUND if tried.declared):
        with defective_nodes(OPTION, *{tried.node for tried in those}) as where:
            found |= judged({str(tried): (tried_on(where[tried.node], tried), (tried.case,)) for tried in those})
    return {tried: found[str(tried)] for tried in FOUND}


def of_the_case(report: Report, tried: Tried) -> Finding:
    return next(one for one in report.findings if one.case == tried.case)


@pytest.mark.slow
@pytest.mark.parametrize("tried", FOUND, ids=lambda tried: "-".join(map(str, tried)))
def test_a_leak_is_found_by_replies_or_places(reports: dict[Tried, Report], tried: Tried) -> None:
    found = of_the_case(reports[tried], tried)
    verdict, reason = FOUND[tried]
    assert (found.verdict, found.clause) == (verdict, "4.2" if tried.case.startswith("repeated") else "3.11")
    assert reason in found.reason
    if verdict is Verdict.FAIL:
        assert found.reproduction is not None
        assert found.reproduction.command.endswith(f"--only {tried.case}")
        assert found.reproduction.transmissions

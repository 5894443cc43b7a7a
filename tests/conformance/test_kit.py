"""The in-process kit: our ends pass, every mutant is rejected for the right clause, and every run ends."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ockam_fsm.conformance import (
    Effort,
    EndpointUnderTest,
    Feature,
    Order,
    Report,
    Unsupported,
    again,
    check_initiator,
    check_pair,
    check_responder,
    our_end,
    our_node,
)
from ockam_fsm.conformance.generation.sequences import InputSequence
from ockam_fsm.conformance.inprocess import runner as judging
from ockam_fsm.conformance.reference.reference_end import ReferenceEnd
from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.target import Ordered, Output
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import Closed, Notify, Send
from ockam_fsm.runtime.session.handshake import OCKAM
from tests.conformance.defects import CLAUSES, DEFECTS, Defect, EveryEnd

SMALL = (EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED, IMPLICIT_PERSISTENT_ONE_SIDED)
COVER = Effort(examples=0)
"""Test sequences without random runs: the sequences have to find each defect."""


def failed(report: Report) -> set[str]:
    return {line.clause.id for line in report.lines if line.verdict is Verdict.FAIL}


def reasons(report: Report) -> list[str]:
    return [f"{one.clause} {one.case}: {one.reason}" for one in report.findings if one.verdict is not Verdict.PASS]


def each_end(kinds: Iterable[SessionType]) -> pytest.MarkDecorator:
    """Each type; persistent ones, whose automata are large, only in thorough runs."""
    each = [pytest.param(kind, marks=pytest.mark.thorough if kind.persistent else pytest.mark.slow) for kind in kinds]
    return pytest.mark.parametrize("kind", each, ids=lambda kind: str(kind.name))


@each_end(SMALL[:3])
@pytest.mark.parametrize("check", [check_initiator, check_responder])
def test_our_own_ends_pass(check, kind: SessionType) -> None:  # type: ignore[no-untyped-def]
    report = check(our_end, [kind], effort=Effort(examples=5))
    assert reasons(report) == []
    assert report.exit_code == 0
    assert report.counts["PASS"] >= 28


@each_end((EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED))
@pytest.mark.parametrize("check", [check_initiator, check_responder])
def test_our_own_nodes_pass(check, kind: SessionType) -> None:  # type: ignore[no-untyped-def]
    report = check(our_node, [kind], effort=Effort(examples=10))
    assert reasons(report) == []
    assert {line.clause.id: line.verdict for line in report.lines}["5.4"] is Verdict.PASS


@pytest.mark.slow
@pytest.mark.parametrize("make", [our_end, our_node])
@pytest.mark.parametrize("check", [check_initiator, check_responder])
def test_our_own_ends_pass_in_profile_ockam(check, make) -> None:  # type: ignore[no-untyped-def]
    assert reasons(check(make, SMALL[2:3], OCKAM, Effort(examples=5))) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_our_own_pairs_pass(kind: SessionType) -> None:
    report = check_pair(our_end, our_end, [kind], effort=Effort(examples=20))
    assert reasons(report) == []
    assert report.exit_code == 0


def check_of(defect: Defect) -> Report:
    check = check_initiator if defect.role is Role.INITIATOR else check_responder
    return check(defect.make, [defect.kind], effort=Effort(examples=0, until=defect.clause))


def test_every_known_bad_machine_is_among_the_defects() -> None:
    assert set(CLAUSES) <= {defect.name for defect in DEFECTS}
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 20


FOUND_LATE = {
    "answers-itself", "any-carrier", "any-response", "close-believed-from-anybody", "hello-as-data", "no-generation",
    "returned-responder-forgotten",
}  # fmt: skip
"""Defects that only long test sequences find, judged by `make test-all`."""

ONE_SIDED = [defect for defect in DEFECTS if defect.kind is not EXPLICIT_PERSISTENT_TWO_SIDED]


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(one, marks=pytest.mark.thorough if one.name in FOUND_LATE else pytest.mark.slow)
        for one in ONE_SIDED
    ],
    ids=lambda defect: str(defect.name),
)
def test_a_defect_is_rejected_for_its_clause(defect: Defect) -> None:
    """Defects of two-sided sessions, with large automata, are in `test_whole_kit.py`."""
    report = check_of(defect)
    assert defect.clause in failed(report), reasons(report)
    assert report.exit_code == 1


# Runs end, whatever a target does -------------------------------------------------------------------------------------


class Odd:
    """A target that does nothing."""

    features: frozenset[Feature] = frozenset()

    def __init__(self, endpoint: EndpointUnderTest) -> None: ...

    def deliver(self, message: Message, carrier: str) -> None: ...

    def advance(self, seconds: float) -> None: ...

    def order(self, order: Order) -> None: ...

    def take_outputs(self) -> Sequence[Output]:
        return ()


class Flood(Odd):
    def take_outputs(self) -> Iterator[Output]:  # type: ignore[override]
        while True:
            yield Send(Message((local("nowhere"),), (), b""))


class Hangs(Odd):
    def order(self, order: Order) -> None:
        threading.Event().wait(60.0)


class HangsOnMessages(Odd):
    def deliver(self, message: Message, carrier: str) -> None:
        threading.Event().wait(60.0)


class Raises(Odd):
    def advance(self, seconds: float) -> None:
        raise RuntimeError("no")


def test_a_target_that_does_nothing_fails() -> None:
    report = check_initiator(Odd, [EXPLICIT_TRANSIENT], effort=COVER)
    assert "4.1" in failed(report)


@pytest.mark.parametrize("make", [Flood, Raises])
def test_a_target_that_floods_or_raises_fails(make: type[Odd]) -> None:
    report = check_initiator(make, [EXPLICIT_TRANSIENT], effort=COVER)
    assert report.exit_code == 1


def test_a_call_that_does_not_return_ends_the_run() -> None:
    report = check_initiator(Hangs, [EXPLICIT_TRANSIENT], effort=Effort(patience_seconds=0.05))
    assert failed(report) == {"14.4"}
    assert "did not return" in report.findings[0].reason


def test_work_of_the_kit_may_take_longer_than_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work of the kit itself, such as exploring large automata, does not count against the target's patience."""

    def slowly(*arguments: object, **options: object) -> tuple[InputSequence, ...]:
        threading.Event().wait(0.3)
        return ()

    monkeypatch.setattr(judging, "input_sequences", slowly)
    report = check_initiator(our_end, [EXPLICIT_TRANSIENT], effort=Effort(patience_seconds=0.05, examples=0))
    assert report.findings == ()


def test_a_call_of_a_pair_that_does_not_return_ends_the_run() -> None:
    report = check_pair(
        our_end, HangsOnMessages, [EXPLICIT_TRANSIENT], effort=Effort(patience_seconds=0.05, examples=0)
    )
    assert failed(report) == {"14.4"}
    assert "responder" in next(one.case for one in report.findings if one.verdict is Verdict.FAIL)


def test_unsupported_ends_are_not_applicable() -> None:
    def none(endpoint: EndpointUnderTest) -> Odd:
        raise Unsupported("no such sessions here")

    report = check_initiator(none, [EXPLICIT_TRANSIENT], effort=COVER)
    assert report.counts["NOT APPLICABLE"] == len(report.lines)
    assert "no such sessions here" in report.lines[0].reason


def test_when_time_is_over_nothing_passes() -> None:
    calls = iter(range(1000))
    report = check_initiator(our_end, [EXPLICIT_TRANSIENT], effort=Effort(over=lambda: next(calls) > 20))
    assert report.counts["PASS"] == 0
    assert report.exit_code == 2


# Reproductions --------------------------------------------------------------------------------------------------------


def test_a_reproduction_is_a_chart_bytes_and_a_program() -> None:
    defect = next(one for one in DEFECTS if one.name == "unanswered-keepalive")
    report = check_of(defect)
    shown = next(line.reproduction for line in report.lines if line.clause.id == "4.7")
    assert shown is not None
    assert shown.transmissions[-1].data == b"\x04"
    assert "missing: keepalive answer" in shown.to_json()["chart"]
    printed: list[str] = []
    exec(shown.program, {"make": defect.make, "print": printed.append})
    assert printed[0].startswith("4.7: keepalive: expected keepalive answer")


def test_a_reproduction_on_a_right_end_has_no_differences() -> None:
    assert again(our_end, "explicit-transient", "INITIATOR", "generation", ["open", "answer"]) == "nothing differs"


@pytest.mark.slow
def test_an_end_that_was_restarted_is_judged_too_and_reproduced() -> None:
    """A responder that ignores its durable state takes an old hello for a new one."""

    def forgetful(declared: EndpointUnderTest) -> ReferenceEnd:
        return our_end(replace(declared, remembered=0, has_state=False))

    report = check_responder(forgetful, [EXPLICIT_PERSISTENT_ONE_SIDED], effort=Effort(examples=0, until="4.2"))
    shown = next(line.reproduction for line in report.lines if line.clause.id == "4.2")
    assert shown is not None
    assert {one.case.partition(":")[0] for one in report.findings if one.verdict is Verdict.FAIL} == {
        "explicit-persistent-one-sided responder after a restart"
    }
    printed: list[str] = []
    exec(shown.program, {"make": forgetful, "print": printed.append})
    assert printed[0].startswith("4.2: ")


def test_an_application_may_close_in_the_moment_of_a_failure() -> None:
    both = ["open", "answer", "error, then closed at once"]
    assert again(our_end, "explicit-transient", "INITIATOR", "generation", both) == "nothing differs"

    class Late(EveryEnd):
        """Closes by itself, and reports `closed` again when it is ordered to close."""

        def order(self, order: Order) -> None:
            if order.what is Ordered.CLOSE and self.session is not None and self.session.state is State.TIMED_OUT:
                self.advance(0.0)
                self.outputs.append(Notify(Closed("again")))
            super().order(order)

    assert again(Late, "explicit-transient", "INITIATOR", "generation", both).startswith("3.8: error, then closed")


def test_without_hypothesis_the_kit_draws_runs_all_the_same() -> None:
    program = """
import sys
sys.modules["hypothesis"] = sys.modules["pytest"] = None
from ockam_fsm.conformance import Effort, check_initiator, our_end
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
assert check_initiator(our_end, [EXPLICIT_TRANSIENT], effort=Effort(examples=3)).exit_code == 0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_class_in_the_documentation_passes() -> None:
    text = (Path(__file__).parents[2] / "docs/conformance.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippets
    for snippet in snippets:
        exec(snippet, {"__name__": "documentation"})

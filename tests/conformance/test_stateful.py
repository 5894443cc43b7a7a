"""The Hypothesis state machine for users' ends: ours passes, a mutant fails and is shrunk."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from ockam_fsm.conformance import EndpointUnderTest, Target, Unsupported, again, our_end, sequences, stateful
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from tests.conformance.defective import ROOT
from tests.conformance.defects import DEFECTS

LIMITS = settings(
    max_examples=15, stateful_step_count=20, database=None, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
)  # fmt: skip
WRONG = ("last-first", "always-resumed", "lenient", "refuses-to-close")
MANY = settings(LIMITS, max_examples=300)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED], ids=str)
@pytest.mark.parametrize("role", list(Role))
def test_ours_conforms(kind, role: Role) -> None:  # type: ignore[no-untyped-def]
    run_state_machine_as_test(stateful(our_end, kind, role), settings=LIMITS)


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_end_is_found_and_shrunk(name: str) -> None:
    defect = next(one for one in DEFECTS if one.name == name)
    machine = stateful(defect.make, defect.kind, defect.role)
    with pytest.raises(AssertionError, match=rf"clause {defect.clause} ") as found:
        run_state_machine_as_test(machine, settings=MANY)
    notes = getattr(found.value, "__notes__", ())
    (chart,) = [note for note in notes if note.startswith("What happened before:")]
    assert " kit " in chart.splitlines()[2]
    assert "│" in chart
    steps = [note for note in notes if note.startswith("state.")]
    assert 1 <= len(steps) - 1 <= 6, steps  # the last is teardown


def test_names_do_as_well_as_values() -> None:
    assert stateful(our_end, "explicit-transient", "responder", "ockam").__name__ == stateful(
        our_end, EXPLICIT_TRANSIENT, Role.RESPONDER, "ockam"
    ).__name__  # fmt: skip
    with pytest.raises(LocalSessionError, match="no session type 'transient'; known: explicit-transient"):
        stateful(our_end, "transient")
    with pytest.raises(LocalSessionError, match="no role 'client'"):
        stateful(our_end, role="client")


def test_an_unsupported_end_is_refused_at_once() -> None:
    def make(endpoint: EndpointUnderTest) -> Target:
        raise Unsupported("not written yet")

    with pytest.raises(Unsupported, match="not written yet"):
        stateful(make)


@pytest.mark.slow
@settings(LIMITS, max_examples=5)
@given(st.data())
def test_again_runs_every_drawn_sequence(data: st.DataObject) -> None:
    word = data.draw(sequences(our_end))
    assert again(our_end, "explicit-transient", "INITIATOR", "generation", word) == "nothing differs"


@pytest.mark.slow
def test_the_example_runs() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/conformance/test_my_end.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_hypothesis_the_error_names_the_package() -> None:
    program = """
import sys
sys.modules["hypothesis"] = None
from ockam_fsm.conformance import our_end, stateful
from ockam_fsm.kernel.errors import LocalSessionError
try:
    stateful(our_end)
except LocalSessionError as error:
    assert "ockam-fsm[conformance]" in str(error), error
else:
    raise SystemExit("no error")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

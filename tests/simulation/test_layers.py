"""Both arrangements of the discussion under faults (spec/sessions.md section 11), and known-bad layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType, State
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.simulation.faults import ALL, NO_FAULTS, Faults
from ockam_fsm.simulation.layers import LayeredSetup, setup_of
from ockam_fsm.simulation.runs import SimulationOutcome, replay, simulate, write_trace
from ockam_fsm.simulation.workload import Setup

ARRANGEMENTS = (
    pytest.param(EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED, id="below-persistent"),
    pytest.param(EXPLICIT_PERSISTENT_ONE_SIDED, IMPLICIT_TRANSIENT, id="above-persistent"),
)
ONE_SIDED = [kind for kind in TYPES if kind.renegotiation is not Renegotiation.TWO_SIDED]


def holds(outcome: SimulationOutcome) -> bool:
    return (outcome.broken, outcome.detail) == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(("above", "below"), ARRANGEMENTS)
@pytest.mark.parametrize("seed", range(3))
def test_under_faults_every_property_holds(above: SessionType, below: SessionType, seed: int) -> None:
    outcome = simulate(LayeredSetup(above, seed, over=below), 5_000)
    assert holds(outcome), outcome.detail
    if above.persistent:
        assert outcome.witnesses["W2:lower layer lost"] > 0, "it was never established again after a failure below"
    else:
        assert outcome.witnesses["W20"] > 0, "it never stayed established through a failure below"


@pytest.mark.thorough
@pytest.mark.parametrize("above", ONE_SIDED, ids=lambda kind: str(kind.name))
@pytest.mark.parametrize("below", ONE_SIDED, ids=lambda kind: f"over-{kind.name}")
def test_any_type_over_any_other(above: SessionType, below: SessionType) -> None:
    assert holds(simulate(LayeredSetup(above, 2024, over=below), 10_000))


@pytest.mark.nightly
@pytest.mark.parametrize(("above", "below"), ARRANGEMENTS)
@pytest.mark.parametrize("seed", range(10))
def test_many_seeds_and_long_runs(above: SessionType, below: SessionType, seed: int) -> None:
    assert holds(simulate(LayeredSetup(above, seed, over=below), 200_000))


@pytest.mark.slow
@pytest.mark.parametrize(("above", "below"), ARRANGEMENTS)
def test_without_faults_nothing_is_lost(above: SessionType, below: SessionType) -> None:
    outcome = simulate(LayeredSetup(above, 1, faults=NO_FAULTS, over=below), 2_000)
    assert holds(outcome), outcome.detail
    assert outcome.figures["there"]["reliability"] > 0.9


def test_lost_connections_below_are_hidden_from_above() -> None:
    setup = LayeredSetup(EXPLICIT_TRANSIENT, 1, faults=Faults({"reset": 0.3}), over=EXPLICIT_PERSISTENT_ONE_SIDED)
    witnesses = simulate(setup, 3_000).witnesses
    assert witnesses["W20"] > 5
    assert "W21" not in witnesses


def test_a_run_of_layers_is_replayed_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "layers.jsonl"
    setup = LayeredSetup(EXPLICIT_TRANSIENT, 3, over=EXPLICIT_PERSISTENT_ONE_SIDED)
    write_trace(setup, 400, path)
    assert replay(path) == 0
    assert setup_of(setup.header()) == setup
    plain = Setup(EXPLICIT_TRANSIENT, 3)
    assert setup_of(plain.header()) == plain


def test_unsupported_layers_are_refused() -> None:
    for above, below in ((EXPLICIT_PERSISTENT_TWO_SIDED, IMPLICIT_TRANSIENT), (EXPLICIT_TRANSIENT, TYPES[-1])):
        with pytest.raises(DefinitionError, match="two-sided"):
            LayeredSetup(above, over=below)
    with pytest.raises(DefinitionError, match="carries no routes"):
        LayeredSetup(EXPLICIT_TRANSIENT, profile=OCKAM, over=IMPLICIT_TRANSIENT)


# Wrong layers ---------------------------------------------------------------------------------------------------------


def ends_are_not_reported(patch: pytest.MonkeyPatch) -> None:
    """Suppress notifications that a session below has ended; those of connections remain."""
    right = Router.lose

    def lose(self: Router, dependents: dict[object, None], detail: str) -> None:
        if "session below" not in detail:
            right(self, dependents, detail)  # type: ignore[arg-type]

    patch.setattr(Router, "lose", lose)


def every_failure_is_reported(patch: pytest.MonkeyPatch) -> None:
    right = SessionWorker.settle

    def settle(self: SessionWorker) -> None:
        before = self._reported
        right(self)
        if self.session.state is State.TIMED_OUT is not before:
            self.router.lose(self.dependents or {}, "the session below has failed")

    patch.setattr(SessionWorker, "settle", settle)


@pytest.mark.parametrize(("above", "below"), ARRANGEMENTS)
@pytest.mark.parametrize(("wrong", "broken"), [(ends_are_not_reported, "S38"), (every_failure_is_reported, "S40")])
def test_wrong_layers_are_detected(
    above: SessionType,
    below: SessionType,
    wrong: Callable[[pytest.MonkeyPatch], None],
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong(monkeypatch)
    often = Faults({**ALL, "worker-stops": 0.1})
    found = {simulate(LayeredSetup(above, seed, faults=often, over=below), 5_000).broken for seed in range(3)}
    assert found == {broken}

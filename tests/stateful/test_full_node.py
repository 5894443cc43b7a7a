"""The machine of a full node with a small and a large budget, and wrong nodes that it rejects."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ockam_fsm.runtime.node.ledger import Ledger
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.session_workers import SessionWorker
from tests.stateful import full_node
from tests.stateful.full_node import MACHINE, burst
from tests.stateful.test_machines import run


@pytest.mark.slow
def test_the_account_agrees_with_the_kept_data() -> None:
    run(MACHINE, 20, 30)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_bursts(number: int) -> None:
    burst(number, 200)


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(6))
def test_long_bursts(number: int) -> None:
    burst(number, 5000)


def test_a_run_is_the_same_again_and_some_are_confirmed_and_some_refused() -> None:
    one, other = (burst(1, 60) for _ in range(2))
    assert (one.moves, one.node.dead_letters.counts) == (other.moves, other.node.dead_letters.counts)
    assert one.confirmed
    assert one.node.dead_letters.counts["the node is full"]


# Known-bad machines ---------------------------------------------------------------------------------------------------


def given_up_and_still_there(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SessionWorker, "_stop_afterwards", lambda self: None)


def dependents_are_not_informed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Router, "lose", lambda self, dependents, detail: None)


def given_up_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "give_back", lambda self, receipt: self.release(receipt.origin, receipt.size))


def anything_confirms(patch: pytest.MonkeyPatch) -> None:
    right = SessionWorker.settle

    def settle(self: SessionWorker) -> None:
        if self.session.state is not self._reported:
            self._confirmed()
        right(self)

    patch.setattr(SessionWorker, "settle", settle)


@pytest.mark.parametrize(
    "wrong", [given_up_and_still_there, dependents_are_not_informed, given_up_twice, anything_confirms]
)
def test_a_wrong_node_is_rejected_and_replayed(
    wrong: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    with pytest.raises(AssertionError, match=r"replay") as found:
        burst(0, 200)
    call = re.search(r"again\((.*)\)", str(found.value))
    assert call is not None
    with pytest.raises(AssertionError, match=r"replay"):
        eval(f"again({call[1]})", {"again": full_node.again})

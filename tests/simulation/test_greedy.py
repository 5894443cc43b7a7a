"""Greedy peers in a simulation: the account is correct, the greatest holder is evicted, honest sessions continue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
)
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import Ledger, Origin, Receipt
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.simulation.faults import NO_FAULTS, Faults
from ockam_fsm.simulation.runs import replay, simulate, write_trace
from ockam_fsm.simulation.workload import Setup

COMBINATIONS = (
    (EXPLICIT_PERSISTENT_TWO_SIDED, GENERATION),
    (IMPLICIT_PERSISTENT_ONE_SIDED, GENERATION),
    (EXPLICIT_TRANSIENT, OCKAM),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[tuple[bool, bool]]:
    """Collect the outcomes of charges to a full account: whether one was accepted, and whether a holder paid for it."""
    found: set[tuple[bool, bool]] = set()
    right = Ledger._make_room

    def make_room(self: Ledger, origin: Origin, size: int) -> bool:
        before = self.held_bytes
        fits = right(self, origin, size)
        found.add((fits, self.held_bytes < before))
        return fits

    monkeypatch.setattr(Ledger, "_make_room", make_room)
    return found


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_under_faults_every_property_holds(kind: SessionType, profile: Profile, asked: set[tuple[bool, bool]]) -> None:
    outcome = simulate(Setup(kind, 1, profile, Faults(), greedy=3), 1_500)
    assert (outcome.broken, outcome.detail) == ("", "")
    assert {(True, True), (False, False)} <= asked, "the limits were not reached"


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_without_faults_honest_sessions_lose_almost_nothing(kind: SessionType, profile: Profile) -> None:
    for seed in range(3):
        outcome = simulate(Setup(kind, seed, profile, NO_FAULTS, greedy=3), 1_500)
        assert outcome.broken == "", outcome.detail
        assert outcome.figures["there"]["reliability"] > 0.9


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_long_runs_keep_every_property(kind: SessionType, profile: Profile) -> None:
    outcome = simulate(Setup(kind, 2024, profile, Faults(), greedy=5), 20_000)
    assert (outcome.broken, outcome.detail) == ("", "")


def test_a_run_with_greedy_peers_is_replayed_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "greedy.jsonl"
    write_trace(Setup(EXPLICIT_TRANSIENT, 1, greedy=1), 300, path)
    assert json.loads(path.read_text().splitlines()[0])["greedy"] == 1
    assert replay(path) == 0
    assert "greedy" not in Setup(EXPLICIT_TRANSIENT, 1).header()


# Known-bad accounts ---------------------------------------------------------------------------------------------------


def everything_fits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "fits", lambda self, origin, size: True)


def newcomer_pays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ledger, "_make_room", lambda self, origin, size: False)


def smallest_pays(patch: pytest.MonkeyPatch) -> None:
    def make_room(self: Ledger, origin: Origin, size: int) -> bool:
        peers = sorted((one for one in self.origins if one.outside), key=lambda one: one.held_bytes)
        for one in peers:
            while one.discards and not self._has_room(origin, size):
                receipt, give_up = one.discards.popitem()
                give_up(receipt)
        return self._has_room(origin, size)

    patch.setattr(Ledger, "_make_room", make_room)


def charged_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Messages that waited for a lost connection stay charged."""

    def held_no_more(self: Connection) -> list[Message]:
        waiting, self._waiting = self._waiting, {}
        for receipt in waiting:
            del receipt.origin.discards[receipt]
        return list(waiting.values())

    patch.setattr(Connection, "_held_no_more", held_no_more)


def releases_twice(patch: pytest.MonkeyPatch) -> None:
    right = Connection._give_up

    def give_up(self: Connection, receipt: Receipt) -> None:
        right(self, receipt)
        self.router.ledger.give_back(receipt)

    patch.setattr(Connection, "_give_up", give_up)


@pytest.mark.parametrize(
    ("wrong", "property_id"),
    [(everything_fits, "S24"), (newcomer_pays, "S25"), (smallest_pays, "S25"), (charged_after_the_end, "S24"),
     (releases_twice, "S24")],
)  # fmt: skip
def test_a_wrong_account_is_detected(
    wrong: Callable[[pytest.MonkeyPatch], None], property_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    found = {simulate(Setup(EXPLICIT_TRANSIENT, seed, faults=NO_FAULTS, greedy=3), 1_500).broken for seed in range(3)}
    assert found == {property_id}

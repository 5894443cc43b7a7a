"""The machine of a whole node with a small and a large budget, and the wrong nodes that it rejects."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import Phase

from tests.stateful import whole_node_moves
from tests.stateful.test_machines import MOST_EXAMPLES, run
from tests.stateful.whole_node import WholeNode
from tests.stateful.whole_node_moves import MACHINE, MOVES, burst
from tests.stateful.wrong_nodes import WRONG_NODES, WrongNode

BYTES = 400
"""Four for each step."""

MOST_BURSTS = 40


def bytes_of(number: int, size: int = BYTES) -> bytes:
    return hashlib.shake_128(f"whole node {number}".encode()).digest(size)


@pytest.mark.slow
def test_a_node_satisfies_its_rules() -> None:
    run(MACHINE, 10, 30)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5))
def test_bursts(number: int) -> None:
    burst(bytes_of(number))


@pytest.mark.thorough
def test_a_node_satisfies_its_rules_in_long_runs() -> None:
    run(MACHINE, 200, 60)


@pytest.mark.thorough
@pytest.mark.parametrize("number", range(20))
def test_long_bursts(number: int) -> None:
    burst(bytes_of(number, 20 * BYTES))


def test_a_run_is_the_same_again() -> None:
    walks = [burst(bytes_of(0, 100)) for _ in range(2)]
    pictures = [(walk.moves, walk.node.dead_letters.counts, walk.numbered) for walk in walks]
    assert pictures[0] == pictures[1]


def test_every_move_is_possible_at_the_start_and_again() -> None:
    for name, move in MOVES.items():
        walk = WholeNode()
        for number in range(2):
            walk.take(name, number, number, number, move)
        walk.finish()


def bursts(most: int) -> None:
    for number in range(most):
        burst(bytes_of(number))


# Known-bad machines ---------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # wrong nodes leave coroutines behind
@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG_NODES, ids=lambda wrong: str(wrong.name))
def test_a_wrong_node_is_rejected_and_replayed(wrong: WrongNode, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong.patch(monkeypatch)
    with pytest.raises(AssertionError, match=wrong.rejected_by) as found:
        bursts(MOST_BURSTS)
    call = re.search(r"again\((.*)\)", str(found.value))
    assert call is not None
    with pytest.raises(AssertionError, match=wrong.rejected_by):
        eval(f"again({call[1]})", {"again": whole_node_moves.again})
    monkeypatch.undo()
    eval(f"again({call[1]})", {"again": whole_node_moves.again})


@pytest.mark.thorough
def test_a_wrong_node_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    (wrong,) = [one for one in WRONG_NODES if one.name == "origin-lost"]
    wrong.patch(monkeypatch)
    with pytest.raises(AssertionError, match=wrong.rejected_by) as found:
        run(MACHINE, MOST_EXAMPLES, 30, phases=(Phase.generate, Phase.shrink))
    assert len(re.findall(r'\["', str(found.value))) < 12

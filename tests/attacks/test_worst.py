"""The worst attacks, with bounds that a busy machine can keep: the real one of memory, longer times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.attacks.catalogue import ATTACKS
from tests.attacks.measuring import Attack, Bounds, NodeProcess, run

pytestmark = pytest.mark.thorough

WORST = ("echo-from-20", "hops-119", "unfinished-frames", "large-dead-letters", "flood-until-the-end")


@pytest.fixture(scope="module")
def control() -> Iterator[NodeProcess]:
    node = NodeProcess()
    yield node
    node.stop()


@pytest.mark.parametrize("name", WORST)
def test_the_bounds_hold(name: str, control: NodeProcess) -> None:
    attack: Attack = next(one for one in ATTACKS if one.name == name)
    generous = replace(attack.bounds, p99_ms=500.0, stop_seconds=12.0)
    measured = run(replace(attack, bounds=generous), control.port)
    assert measured.broken == []
    assert len(measured.honest) > 10


def test_exceeded_bounds_are_found(control: NodeProcess) -> None:
    """Each of several impossible bounds is reported as exceeded."""
    attack = next(one for one in ATTACKS if one.name == "echo-from-1")
    measured = run(replace(attack, seconds=1.0, bounds=Bounds(0.0, 1.0, 0.0, -1)), control.port)
    assert [line.split()[0] for line in measured.broken] == ["honest", "peak", "0", "SIGTERM:"]

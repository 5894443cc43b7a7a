"""The worst attacks, with bounds that a busy machine can keep: memory as promised, times several times as long."""

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
def test_what_is_promised_holds(name: str, control: NodeProcess) -> None:
    attack: Attack = next(one for one in ATTACKS if one.name == name)
    generous = replace(attack.bounds, p99_ms=500.0, stop_seconds=12.0)
    measured = run(replace(attack, bounds=generous), control.port)
    assert measured.broken == []
    assert len(measured.honest) > 10


def test_broken_promises_are_found(control: NodeProcess) -> None:
    """With bounds that nothing can hold, each of them is said to be broken."""
    attack = next(one for one in ATTACKS if one.name == "echo-from-1")
    measured = run(replace(attack, seconds=1.0, bounds=Bounds(0.0, 1.0, 0.0, -1)), control.port)
    assert [line.split()[0] for line in measured.broken] == ["honest", "peak", "0", "SIGTERM:"]

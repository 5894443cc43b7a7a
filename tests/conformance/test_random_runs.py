"""Random runs: the same everywhere, varied, and shrunk."""

from __future__ import annotations

from hashlib import sha256

from ockam_fsm.conformance.generation.random_runs import choices, random_bursts, shortest

DRAWN = "81237dbdf138eb09"


def test_the_same_runs_are_drawn_everywhere() -> None:
    """The drawn runs are pinned: they do not depend on process, machine, installation or loaded modules."""
    assert sha256(b"|".join(random_bursts(50, 60))).hexdigest()[:16] == DRAWN


def test_random_runs_differ_in_length_and_variety() -> None:
    bursts = list(random_bursts(90, 60))
    assert len(set(bursts)) == len(bursts)
    assert all(30 <= len(burst) <= 60 for burst in bursts)
    few = [burst for burst in bursts if len(set(burst)) <= 4]
    assert len(few) >= 15, "some do few things again and again"
    assert len({byte for burst in bursts for byte in burst}) == 256, "everything is done at some time"


def test_a_failing_run_is_shrunk() -> None:
    def fails(burst: bytes) -> bool:
        at = burst.find(7)
        return at >= 0 and 9 in burst[at:]

    found = shortest(lambda burst: fails(bytes(byte % 16 for byte in burst)), 50, 60)
    assert found is not None
    assert [byte % 16 for byte in found] == [7, 9]


def test_where_nothing_fails_nothing_is_found() -> None:
    tried: list[bytes] = []

    def passes(burst: bytes) -> bool:
        tried.append(burst)
        return False

    assert shortest(passes, 20, 10) is None
    assert len(tried) == 20


def test_shrinking_ends() -> None:
    """Shrinking a run that fails only sometimes ends, too."""
    calls = 0

    def fails(burst: bytes) -> bool:
        nonlocal calls
        calls += 1
        return calls % 2 == 1

    assert shortest(fails, 1, 60) is not None
    assert calls < 2000


def test_a_byte_is_a_stimulus() -> None:
    assert choices(b"\x00\x05\x07", "abc") == ["a", "c", "b"]

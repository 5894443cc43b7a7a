"""Parsing of the output of SPIN; an output without counts is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from ockam_fsm.tools.spin import SpinError, parse_output, run

HOLDS = """
(Spin Version 6.5.2 -- 6 December 2019)
State-vector 108 byte, depth reached 15, errors: 0
      935 states, stored
     5069 transitions (= stored+matched)
"""
BROKEN = """
pan:1: assertion violated  !(breaks_S16) (at depth 3)
State-vector 100 byte, depth reached 3, errors: 1
       55 states, stored
       98 transitions (= stored+matched)
"""


def test_counts_are_read() -> None:
    found = parse_output(HOLDS)
    assert (found.states, found.transitions, found.depth) == (935, 5068, 15)
    assert (found.violated, found.steps) == ("", None)


def test_a_violation_is_read() -> None:
    found = parse_output(BROKEN)
    assert (found.violated, found.steps) == ("breaks_S16", 4)


@pytest.mark.parametrize("output", ["", "pan: out of memory", HOLDS.replace("errors: 0", "errors: 1"), HOLDS[:90]])
def test_no_verdict_is_an_error(output: str) -> None:
    with pytest.raises(SpinError, match="no verdict"):
        parse_output(output)


def test_a_missing_program_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpinError, match="make spin") as found:
        run("")
    assert "spin" in found.value.fact

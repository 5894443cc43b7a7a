"""Parsing of the output of TLC, and the errors when it cannot run.

TLC itself runs in `make spec`, and here in the tests marked thorough.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ockam_fsm.tools import tlc


def output_of(*messages: tuple[int, str]) -> str:
    lines = (f"@!@!@STARTMSG {number}:0 @!@!@\n{text}\n@!@!@ENDMSG {number} @!@!@" for number, text in messages)
    return "\n".join(("TLC2 Version 2.15", *lines)) + "\n"


STATS = (2199, "5069 states generated, 935 distinct states found, 0 states left on queue.")
STEPS = (
    (2217, "1: <Initial predicate>\n/\\ x = 0"),
    (2217, "2: <Order line 1, col 2 to line 3, col 4 of module SessionPair>\n/\\ x = 1"),
)


def test_a_model_that_holds() -> None:
    found = tlc.parse_output(output_of((2193, "Model checking completed."), STATS), "MC", 1.5, 180)
    assert (found.verdict, found.states, found.transitions, found.steps) == ("PROVED", 935, 5068, None)
    assert (found.seconds, found.megabytes, found.trace) == (1.5, 180, ())


@pytest.mark.parametrize(
    ("number", "kind"), [(2107, "invariant"), (2110, "invariant"), (2112, "step"), (2116, "temporal")]
)
def test_a_model_that_is_refuted(number: int, kind: str) -> None:
    found = tlc.parse_output(output_of((number, "it does not hold"), *STEPS, STATS), "MC")
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", kind, 1)
    assert found.trace[1].startswith("Order line 1")


def test_large_counts_have_commas() -> None:
    stats = (2199, "1,471,719 states generated (9,999 s/min), 223,675 distinct states found (1 ds/min), 0 left")
    assert tlc.parse_output(output_of((2193, ""), stats), "MC").states == 223_675


@pytest.mark.parametrize("output", ["", "Error: out of memory\n", output_of(STATS), output_of((2193, "completed"))])
def test_an_output_without_verdict_is_an_error(output: str) -> None:
    with pytest.raises(tlc.TlcError, match="TLC has no verdict on MC"):
        tlc.parse_output(output, "MC")


def overflowing(text: str) -> str:
    """Return a recorded output of TLC after a stack overflow; `text` depends on the thread."""
    positions = "The error occurred when TLC was evaluating the nested\nexpressions at the following positions:\n"
    positions += "    The error call stack is empty.\n"
    progress = "Progress(1) at 2026-11-29 16:55:52: 1 states generated (38 s/min), 1 distinct states found"
    stats = "1 states generated, 1 distinct states found, 0 states left on queue."
    return output_of((1000, text), (2103, positions), (2200, progress), (2199, stats), (2186, "Finished in 1581ms"))


IN_A_STEP = """TLC threw an unexpected exception.
This was probably caused by an error in the spec or model.
See the User Output or TLC Console for clues to what happened.
The exception was a java.lang.StackOverflowError
java.lang.StackOverflowError
\tat tla2sany.semantic.SemanticNode.getKind(SemanticNode.java:106)
\tat tlc2.tool.impl.Tool.evalImpl(Tool.java:1392)
"""
IN_AN_INITIAL_STATE = """This was a Java StackOverflowError. It was probably the result
of an incorrect recursive function definition that caused TLC to enter
an infinite loop when trying to compute the function or its application
to an element in its putative domain."""


@pytest.mark.parametrize("text", [IN_A_STEP, IN_AN_INITIAL_STATE], ids=["step", "initial state"])
def test_a_stack_overflow_is_named(text: str) -> None:
    with pytest.raises(tlc.TlcError) as error:
        tlc.parse_output(overflowing(text), "MC")
    assert error.value.fact == "TLC ended with a StackOverflowError on MC: it needs more stack than 65536 KiB."
    assert "raise STACK_KILOBYTES" in error.value.remedy


DEEP = """---- MODULE MC ----
EXTENDS Integers
VARIABLE x
RECURSIVE Deep(_)
Deep(n) == IF n = 0 THEN 0 ELSE 1 + Deep(n - 1)
Spec == x = Deep(%d) /\\ [][x' = Deep(%d)]_x
====
"""


@pytest.mark.thorough
@pytest.mark.parametrize("depths", [(0, 10_000), (10_000, 0)], ids=["step", "initial state"])
def test_every_thread_has_the_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, depths: tuple[int, int]) -> None:
    model = tmp_path / "MC.tla"
    model.write_text(DEEP % depths)
    model.with_suffix(".cfg").write_text("SPECIFICATION Spec\n")
    assert tlc.run(model, tmp_path).verdict == "PROVED"
    monkeypatch.setattr(tlc, "STACK_KILOBYTES", 512)
    with pytest.raises(tlc.TlcError, match="StackOverflowError on MC: it needs more stack than 512 KiB"):
        tlc.run(model, tmp_path)


def test_without_java_the_error_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(tlc.TlcError, match="apt-get install"):
        tlc.run(Path("MC.tla"), Path())


def test_without_tlc_the_error_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/java")
    monkeypatch.setattr(tlc, "find_spec", lambda name: None)
    with pytest.raises(tlc.TlcError, match="make spec"):
        tlc.require()


def test_sigterm_kills_the_child_first(tmp_path: Path) -> None:
    output = tmp_path / "output"
    child = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    starter = "import json, pathlib, sys; from ockam_fsm.tools.tlc import _output\n"
    starter += "_output(json.loads(sys.argv[1]), pathlib.Path(), pathlib.Path(sys.argv[2]), 60.0)"
    parent = subprocess.Popen([sys.executable, "-c", starter, json.dumps(child), output])
    while not (output.exists() and output.read_text().endswith("\n")) and parent.poll() is None:
        time.sleep(0.02)
    parent.terminate()
    assert parent.wait() == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(output.read_text()), 0)

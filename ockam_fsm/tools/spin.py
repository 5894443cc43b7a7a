"""SPIN, the model checker of Promela: run it on one model and parse its output.

SPIN generates a verifier in C, gcc compiles it (`pan`), and `pan` searches breadth first, so that the first violation
is a shortest one. The Debian package `spin` has SPIN.

Rule 1: an output without counts is an error, reported with its last lines.
Rule 2: a counterexample's length is the number of its steps; SPIN's depth counts from 0.
Left out: SPIN's temporal claims, and its partial order reduction (there is one process, so nothing to reduce).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ockam_fsm.kernel.errors import Error

SOURCE = "model.pml"
COMPILED = ("-DBFS", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=1024")
LIMIT_SECONDS = 600.0

_STATES = re.compile(r"^\s*(\d+) states, stored", re.MULTILINE)
_TRANSITIONS = re.compile(r"^\s*(\d+) transitions", re.MULTILINE)
_DEPTH = re.compile(r"depth reached (\d+)")
_VIOLATED = re.compile(r"assertion violated\s+!\((\w+)\) \(at depth (\d+)\)")


class SpinError(Error, RuntimeError):
    """SPIN reached no verdict on a model, for the reason `fact`; `remedy` is a suggestion."""

    def __init__(self, fact: str, remedy: str) -> None:
        self.fact, self.remedy = fact, remedy
        super().__init__(f"{fact}\n{remedy}")


@dataclass(frozen=True)
class SpinResult:
    """The result of SPIN. `violated`: the violated assertion, empty if all hold; `steps`: length of its counterexample.

    `transitions` excludes the initial state. `seconds` and `megabytes` are those of the search, `compiling_seconds` is
    the time before it.
    """

    states: int
    transitions: int
    depth: int
    violated: str
    steps: int | None
    seconds: float
    megabytes: int
    compiling_seconds: float


def require() -> None:
    """Check that the required programs are installed.

    Raises:
        SpinError: one of them is missing.
    """
    for program, package in (("spin", "spin"), ("gcc", "gcc")):
        if shutil.which(program) is None:
            raise SpinError(f"There is no {program}.", f"Install it: `apt-get install {package}`, or run `make spin`.")


def run(model: str, optimised: bool = False) -> SpinResult:
    """Check a model, given as text. `optimised`: compile for speed, which pays for models of many million states.

    Raises:
        SpinError: SPIN is missing, refuses the model, or reaches no verdict.
    """
    require()
    with tempfile.TemporaryDirectory(prefix="spin-") as scratch:
        folder = Path(scratch)
        (folder / SOURCE).write_text(model, encoding="utf-8")
        began = time.monotonic()
        _do(folder, "spin", "-a", SOURCE)
        _do(folder, "gcc", "-O2" if optimised else "-O0", *COMPILED, "-o", "pan", "pan.c")
        compiled = time.monotonic()
        output, megabytes = _searched(folder)
        return parse_output(output, time.monotonic() - compiled, megabytes, compiled - began)


def parse_output(output: str, seconds: float = 0.0, megabytes: int = 0, compiling_seconds: float = 0.0) -> SpinResult:
    """Parse the output of `pan`.

    Raises:
        SpinError: it has no counts.
    """
    counts = [found for pattern in (_STATES, _TRANSITIONS, _DEPTH) if (found := pattern.search(output))]
    violated = _VIOLATED.search(output)
    if len(counts) != 3 or ("errors: 0" in output) is (violated is not None):
        raise SpinError(f"SPIN has no verdict: {' / '.join(output.splitlines()[-4:])}", "Run SPIN by hand to see more.")
    states, transitions, depth = (int(found[1]) for found in counts)
    broken, steps = (violated[1], int(violated[2]) + 1) if violated else ("", None)
    return SpinResult(states, transitions - 1, depth, broken, steps, seconds, megabytes, compiling_seconds)


def _do(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    if done.returncode != 0 or not any(folder.glob("pan*")):
        raise SpinError(
            f"{command[0]} refuses the model: {' / '.join(lines[:4])}",
            "The model is generated: correct promela_files.py.",
        )


def _searched(folder: Path) -> tuple[str, int]:
    """Return the output of `pan` and its peak memory in MB. `-E`: a closed session is a valid end, not a deadlock."""
    place = folder / "output"
    with place.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(["./pan", "-E"], cwd=folder, stdout=file, stderr=subprocess.STDOUT)
        try:
            _, _, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = 0
    return place.read_text(encoding="utf-8"), usage.ru_maxrss // 1024

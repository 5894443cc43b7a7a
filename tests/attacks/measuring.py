"""An attack on a node in a separate process, and the measurements meanwhile.

During the attack an honest client requests one echo after another over a separate connection, alternately from this
node and from a second one that is not attacked (`control`): the latency of the second is caused by the machine.
Sometimes a frame is sent in two parts, so that the node has to buffer the first.

Rule 1: every run ends: the attacker is killed `PATIENCE` seconds after its time, the node when it holds `MOST_MIB`.
Rule 2: only processes that were started here are ended, by their id.
Rule 3: general bounds are in `Bounds`, those of one attack in its `judge`. Each exceeded bound is a line of text.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.attacks.lib import Load, Peer, Strike, frame, way

ROOT = Path(__file__).parents[2]
PATIENCE = 6.0
MOST_MIB = 2048.0
WARM_UP = 30
PAUSE_SECONDS = 0.003
QUIET_SECONDS = 1.0
LATER_SECONDS = 3.0
LOST_AFTER_SECONDS = 10.0
WITHOUT_UVLOOP = "import sys; sys.modules['uvloop'] = None; import runpy; sys.argv = sys.argv[1:]; "


@dataclass(frozen=True)
class Bounds:
    """The default bounds of an attack. `p99_ms` None: no bound."""

    p99_ms: float | None = None
    peak_mib: float = 300.0
    stop_seconds: float = 7.0
    lost: int = 0


@dataclass(frozen=True)
class Attack:
    """`library`: against library_node.py. `descriptors`: the node's limit of open files. `stopped_within`: SIGTERM
    comes during the attack. `judge`: yields further violations."""

    strike: Strike
    bounds: Bounds = Bounds()
    seconds: float = 6.0
    library: bool = False
    descriptors: int | None = None
    stopped_within: bool = False
    judge: Callable[[Measured], Iterable[str]] = lambda measured: ()

    @property
    def name(self) -> str:
        return self.strike.__name__.replace("_", "-")

    @property
    def what(self) -> str:
        return " ".join((self.strike.__doc__ or "").split())


@dataclass
class Measured:
    """Memory in MiB, latencies in ms."""

    name: str
    what: str
    load: Load = field(default_factory=dict)
    before_mib: float = 0.0
    peak_mib: float = 0.0
    later_mib: float = 0.0
    honest: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    lost: int = 0
    alive: bool = True
    newcomer_ms: float | None = None
    exit_code: int | None = None
    stop_seconds: float = 0.0
    log: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def quantile(latencies: list[float], part: float) -> float:
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class NodeProcess:
    """A node that is attacked, or the control."""

    def __init__(self, *, library: bool = False, descriptors: int | None = None, uvloop: bool = True) -> None:
        program = ["tests.attacks.library_node"]
        if not library:
            program = ["ockam_fsm.cli", "node", "--listen", "127.0.0.1:0", "--json"]
        without = f"{WITHOUT_UVLOOP}runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
        how = ["-m"] if uvloop else ["-c", without]
        self._written = ""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the node
        limit = None if descriptors is None else partial(_limit_descriptors, descriptors)
        self.process = subprocess.Popen([sys.executable, *how, *program], stdout=subprocess.PIPE, stderr=self._log,
                                        stdin=subprocess.DEVNULL, cwd=ROOT, preexec_fn=limit)  # fmt: skip
        line = self._line()
        if not line:
            self.kill()
            raise RuntimeError(f"the node did not start: {self.log()}")
        self.port = int(line["listening"][0].rpartition(":")[2])

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def memory(self) -> tuple[float, float]:
        """Resident now, and at most so far, in MiB."""
        with suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if "VmHWM" in values:
                return tuple(int(values[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]
        return 0.0, 0.0

    def stop(self) -> tuple[int | None, float, dict[str, Any]]:
        """Send SIGTERM. Return the exit code, the seconds until the end, and the findings that the node prints."""
        began = time.monotonic()
        self.process.terminate()
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(15.0)
        took = time.monotonic() - began
        found = self._line() if code is not None else {}
        self.kill()
        return code, took, found

    def log(self) -> str:
        """Return the standard error of the node; it remains available after the end of the node."""
        if not self._log.closed:
            self._log.seek(0)
            self._written = self._log.read().decode("utf-8", "replace")
        return self._written

    def kill(self) -> None:
        if self.alive:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log()
        self._log.close()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {}
        return found


def _limit_descriptors(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Honest:
    """One echo after another over one connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lost = self._count = 0
        self.latencies: list[float] = []
        self._peer: Peer | None = Peer(port, LOST_AFTER_SECONDS)
        self._frame = frame(way("echo"), b"honest")

    def ask(self) -> None:
        self._count += 1
        try:
            self._peer = self._peer or Peer(self.port, LOST_AFTER_SECONDS)
            if self._count % 10 == 0:
                self._peer.socket.sendall(self._frame[:7])
                time.sleep(0.001)
            began = time.perf_counter()
            self._peer.socket.sendall(self._frame[7:] if self._count % 10 == 0 else self._frame)
            self._peer.receive()
            self.latencies.append((time.perf_counter() - began) * 1000)
        except OSError:
            self.lost += 1
            self.close()

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None


class Attacker:
    """The process that carries an attack out."""

    def __init__(self, attack: Attack, port: int) -> None:
        strike = attack.strike
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.attacker", strike.__module__, strike.__name__, str(port),
             str(attack.seconds)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=ROOT)  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()  # the attack begins
        self.began = time.monotonic()
        self.end = self.began + attack.seconds + PATIENCE

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def result(self) -> Load:
        """Return the result that the attacker prints; it is killed after its time."""
        try:
            text, _ = self.process.communicate(timeout=max(0.1, self.end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            text, _ = self.process.communicate()
        found: Load = json.loads(text) if text else {"ended": "killed, or with an error"}
        return found


def run(attack: Attack, control_port: int, *, uvloop: bool = True) -> Measured:
    """Carry out an attack and return the measurements."""
    measured = Measured(attack.name, attack.what)
    node = NodeProcess(library=attack.library, descriptors=attack.descriptors, uvloop=uvloop)
    honest, control = Honest(node.port), Honest(control_port)
    attacker: Attacker | None = None
    try:
        for _ in range(WARM_UP):
            honest.ask()
        honest.latencies.clear()
        measured.before_mib = node.memory()[0]
        attacker = Attacker(attack, node.port)
        _measure(attack, measured, node, attacker, honest, control)
    finally:
        honest.close()
        control.close()
        node.kill()
        if attacker is not None and attacker.running:
            attacker.process.kill()
            attacker.process.wait()
    measured.log = node.log()
    measured.broken = [*_broken(measured, attack.bounds), *attack.judge(measured)]
    return measured


def _measure(
    attack: Attack, measured: Measured, node: NodeProcess, attacker: Attacker, honest: Honest, control: Honest
) -> None:
    middle = attacker.began + attack.seconds / 2
    while attacker.running and time.monotonic() < attacker.end and node.alive:
        _ask_both(node, honest, control)
        if attack.stopped_within and time.monotonic() > middle:
            break
    measured.alive = node.alive
    measured.honest, measured.control, measured.lost = honest.latencies, control.latencies, honest.lost
    if not attack.stopped_within:
        measured.load = attacker.result()
        left = time.monotonic()
        while node.alive and time.monotonic() < left + QUIET_SECONDS:
            _ask_both(node, honest, control)
        measured.lost = honest.lost
        measured.newcomer_ms = _newcomer(node.port)
        time.sleep(max(0.0, left + LATER_SECONDS - time.monotonic()))
        measured.alive = node.alive
    measured.later_mib, measured.peak_mib = node.memory()
    measured.exit_code, measured.stop_seconds, measured.found = node.stop()
    measured.load = measured.load or attacker.result()


def _ask_both(node: NodeProcess, honest: Honest, control: Honest) -> None:
    control.ask()
    honest.ask()
    if node.memory()[0] > MOST_MIB:
        node.kill()
    time.sleep(PAUSE_SECONDS)


def _newcomer(port: int) -> float | None:
    """How long a new connection waits for its first echo."""
    began = time.perf_counter()
    try:
        peer = Peer(port, LOST_AFTER_SECONDS)
        peer.ask(way("echo"), b"new")
        peer.close()
    except OSError:
        return None
    return (time.perf_counter() - began) * 1000


def _broken(measured: Measured, bounds: Bounds) -> Iterable[str]:
    p99 = quantile(measured.honest, 0.99)
    if not measured.alive:
        yield "the node is gone"
    if bounds.p99_ms is not None and (p99 > bounds.p99_ms or not measured.honest):
        yield f"honest p99 {p99:.0f} ms, bound {bounds.p99_ms:.0f}"
    if measured.peak_mib > bounds.peak_mib:
        yield f"peak {measured.peak_mib:.0f} MiB, bound {bounds.peak_mib:.0f}"
    if measured.lost > bounds.lost:
        yield f"{measured.lost} honest echoes lost"
    if measured.alive and (measured.exit_code != 0 or measured.stop_seconds > bounds.stop_seconds):
        yield f"SIGTERM: exit code {measured.exit_code} after {measured.stop_seconds:.1f} s"
    if "ended" in measured.load:
        yield f"the attacker: {measured.load['ended']}"
    if "Traceback" in measured.log:
        yield "a traceback in the node's log"

"""The TCP programs of examples/, each end in its own process, killed with SIGKILL."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.net.ports import kept_address

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE_SECONDS = 120.0

pytestmark = pytest.mark.slow


class Program:
    """The process `python examples/NAME ARGUMENTS`; its output is read as it arrives."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in iter(self.process.stdout.readline, ""))

    def send_line(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")

    def until(self, pattern: str) -> None:
        """Wait until it has printed a matching line."""
        self.while_not(lambda: any(re.fullmatch(pattern, line) for line in self.lines))

    def while_not(self, condition: Callable[[], bool]) -> None:
        end = monotonic() + DEADLINE_SECONDS
        while not condition():
            assert monotonic() < end, self.lines
            assert self.process.poll() is None or condition(), self.lines
            sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Close its input, and wait for its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_SECONDS)
        self._reader.join()
        self.process.stdout.close()
        return code


@pytest.fixture
def run() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def begin(name: str, *arguments: str) -> Program:
        started.append(Program(name, *arguments))
        return started[-1]

    yield begin
    for program in started:
        program.kill()


def test_client_and_server_survive_kills(run: Callable[..., Program], tmp_path: Path) -> None:
    where, ledger, sent = kept_address(), tmp_path / "ledger.txt", tmp_path / "sent.txt"
    start_server = partial(run, "tcp_server.py", where, str(ledger))
    start_client = partial(run, "tcp_client.py", where, str(sent))
    server, client = start_server(), start_client("1000000")
    client.until("confirmed 5")
    server.kill()
    client.until(r"ESTABLISHED -> TIMED_OUT, generation \d+")
    server = start_server()
    client.until(r".* -> ESTABLISHED, generation [2-9]\d*")
    client.until(f"confirmed {len(client.lines) + 5}")
    client.kill()
    with ledger.open("ab") as file:
        server.kill()
        file.write(b"12")  # an incomplete line, as after a kill during a write
    confirmed, count = int(sent.read_text()), int(sent.read_text()) + 20
    start_server()
    client = start_client(str(count))
    assert client.end() == 0, client.lines
    assert f"confirmed {confirmed}" not in client.lines
    assert ledger.read_text().split() == [str(number + 1) for number in range(count)]


def test_a_session_through_a_relay_survives_each_of_its_kills(run: Callable[..., Program]) -> None:
    where = kept_address()
    relay, service, client = (run("relay.py", role, where) for role in ("relay", "service", "client"))
    client.send_line("one")
    client.until("ONE")
    relay.kill()
    client.send_line("two")
    run("relay.py", "relay", where)
    client.until("TWO")
    service.kill()
    client.send_line("three")
    run("relay.py", "service", where)
    client.until("THREE")
    assert client.end() == 0, client.lines


def test_each_session_of_the_spawner_has_its_own_sum(run: Callable[..., Program]) -> None:
    program = run("stateful_spawner.py")
    assert program.end() == 0, program.lines
    assert program.lines == ["first  1", "first  3", "first  6", "second 10", "first  10 (generation 2)"]


def test_the_tests_of_the_example_pass() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(EXAMPLES / "test_my_service.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert "3 passed" in done.stdout, done.stdout

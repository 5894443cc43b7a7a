"""`ockam-fsm node`, `send` and `session`: against a node in another process."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.shared.network_options import parsed_durations
from ockam_fsm.machines import TYPES
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.trace_recorder import header
from tests.net.node_process import NodeProcess
from tests.net.ports import nowhere

ONE_SIDED = "explicit-persistent-one-sided"
COMMAND = [sys.executable, "-m", "ockam_fsm.cli"]


@pytest.fixture(scope="module")
def where() -> Iterator[str]:
    loop = asyncio.new_event_loop()
    process = NodeProcess(log="error")  # its log is not read between two tests
    loop.run_until_complete(process.start())
    yield process.where
    loop.run_until_complete(process.kill())
    loop.close()


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_send_prints_the_reply(where: str) -> None:
    assert call("send", f"tcp://{where}/echo", "hello [red]") == (0, "hello [red]\n", "")
    code, out, _ = call("send", f"tcp://{where}/hop/echo", "hello", "--json")
    found = json.loads(out)
    assert (code, found["reply"], found["payload_hex"]) == (0, "hello", b"hello".hex())
    assert found["return_route"].endswith("/hop/echo")


@pytest.mark.slow
def test_text_of_a_peer_is_neutralised(where: str) -> None:
    hostile = "\x1b]0;title\x07\x9b2J\u202e[red]\r[link=x]"
    code, out, err = call("send", f"tcp://{where}/echo", hostile)
    assert (code, out, err) == (0, r"\x1b]0;title\x07\x9b2J\u202e[red]\r[link=x]" + "\n", "")
    for json_or_not in ((), ("--json",)):
        code, out, err = call("session", f"tcp://{where}/responder", "--message", hostile + "\n", *json_or_not)
        assert (code, err, "[red]" in out) == (0, "", True)
        assert all(line.isprintable() for line in out.splitlines())
    code, out, err = call("send", f"tcp://{where}/hop/echo%1B[31m%0A", "x", "--timeout", "0.2")
    assert (code, out) == (1, "")
    assert "\x1b" not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "spawner", "kind"),
    [
        ("ockam", "session_spawner", "explicit-transient"),
        ("generation", "generation_spawner", "implicit-persistent-one-sided"),
        ("generation", "responder", "explicit-persistent-one-sided"),
    ],
)
def test_session_shows_its_states(where: str, profile: str, spawner: str, kind: str) -> None:
    options = ["--profile", profile, "--type", kind, "--message", "hello", "--message", "again"]
    code, out, _ = call("session", f"tcp://{where}/{spawner}", *options)
    assert code == 0
    for shown in ("IDLE -> NEGOTIATING", "NEGOTIATING -> ESTABLISHED", "hello -> hello", "ESTABLISHED -> CLOSED"):
        assert shown in out
    code, out, _ = call("session", f"tcp://{where}/{spawner}", *options, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["state"] for line in lines if "state" in line] == ["NEGOTIATING", "ESTABLISHED", "CLOSED"]
    assert [line["reply"] for line in lines if "reply" in line] == ["hello", "again"]


@pytest.mark.slow
def test_without_an_answer_the_exit_code_is_1_and_there_is_a_remedy(where: str) -> None:
    code, out, err = call("send", f"tcp://{nowhere()}/echo", "x")
    assert (code, out) == (1, "")
    assert "connection lost" in err
    assert "ockam-fsm node" in err
    code, _, err = call("send", f"tcp://{where}/nobody", "x", "--timeout", "0.1")
    assert (code, "--timeout" in err) == (1, True)
    for options in (["--type", "explicit-transient"], ["--timeout", "5"]):  # by itself it would retry indefinitely
        durations = ["--durations", "negotiation=0.1,back-off=0.1"]
        code, _, err = call("session", f"tcp://{where}/nobody", *options, *durations)
        assert code == 1
        assert "no such worker: nobody" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send", "tcp://127.0.0.1/echo", "x"], "HOST:PORT"),
        (["send", "a//b", "x"], "route looks like"),
        (["session", "tcp://127.0.0.1:1/x", "--type", "transient"], "session type"),
        (["session", "tcp://127.0.0.1:1/x", "--profile", "okcam"], "Did you mean ockam?"),
        (["session", "tcp://127.0.0.1:1/x", "--profile", "ockam", "--type", "explicit-persistent-two-sided"], "needs"),
        (["session", "tcp://127.0.0.1:1/x", "--durations", "keepalife=1"], "keepalive"),
        (["session", "tcp://127.0.0.1:1/x", "--durations", "keepalive=soon"], "keepalive=1.5"),
        (["session", "tcp://127.0.0.1:1/x", "--durations", "keepalive=-1"], "keepalive=1.5"),
        (["session", "tcp://127.0.0.1:1/x", "--profile", "ockam", "--trace", "x"], "nothing to record"),
        (["session", "tcp://127.0.0.1:1/x", "--trace", __file__], "is not this trace"),
        (["session", "tcp://127.0.0.1:1/x", "--trace", "/"], "cannot write /"),
        (["node", "--listen", "127.0.0.1:0", "--trace", __file__], "is not this trace"),
        (["node", "--listen", "nowhere"], "HOST:PORT"),
        (["node", "--listen", "127.0.0.1:0", "--log", "loud"], "log level"),
    ],
)
def test_wrong_usage_has_exit_code_2_and_a_remedy(arguments: list[str], said: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("command", ["node", "send", "session"])
def test_help_has_examples(command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert "Examples" in out
    assert command == "node" or "tcp://HOST:PORT" in out


@pytest.mark.slow
def test_a_port_in_use_is_reported(where: str) -> None:
    code, _, err = call("node", "--listen", where)
    assert code == 1
    assert "cannot listen" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "number", "code"),
    [
        (["node", "--listen", "127.0.0.1:0"], signal.SIGTERM, 0),
        (["node", "--listen", "127.0.0.1:0"], signal.SIGINT, 130),
        (["session", "tcp://WHERE/responder"], signal.SIGINT, 130),
        (["session", "tcp://WHERE/responder"], signal.SIGTERM, 143),
    ],
)
def test_signals_clean_up(where: str, arguments: list[str], number: signal.Signals, code: int) -> None:
    command = [*COMMAND, *(argument.replace("WHERE", where) for argument in arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not any(word in process.stdout.readline() for word in ("ready", "ESTABLISHED")):
            assert process.poll() is None
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == code
    assert "Traceback" not in err
    if arguments[0] == "session":
        assert "ESTABLISHED -> CLOSED" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "warned"),
    [
        (["--type", "explicit-transient"], True),
        (["--type", "implicit-persistent-two-sided"], True),
        (["--type", "explicit-transient", "--json"], True),
        (["--type", "explicit-persistent-one-sided"], False),
        ([], False),
    ],
)
def test_a_type_that_differs_from_the_peer_has_a_warning(where: str, options: list[str], warned: bool) -> None:
    """Two ends of different types still establish a session: the type is not on the wire."""
    command = [*COMMAND, "session", f"tcp://{where}/responder", "--durations", "keepalive=0.5", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        if warned:
            lines = 1 if "--json" in options else 2
            said = "".join(process.stderr.readline() for _ in range(lines))
            assert "the peer's sessions are explicit-persistent-one-sided" in said
            assert "--type explicit-persistent-one-sided" in said
        else:
            while "ESTABLISHED" not in process.stdout.readline():
                assert process.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):  # there is no output: it continues silently
                process.communicate(timeout=3)
        process.send_signal(signal.SIGTERM)
        try:
            rest = process.communicate(timeout=30)[1]
        finally:
            process.kill()
    assert (process.returncode, rest) == (143, "")


def limited(bytes_of_a_file: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, bytes_of_a_file))


@pytest.mark.slow
def test_a_node_whose_disk_is_full_goes_on_without_its_trace(tmp_path: Path) -> None:
    trace = tmp_path / "far.jsonl"
    command = [*COMMAND, "node", "--listen", "127.0.0.1:0", "--trace", str(trace), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: limited(1500)
    ) as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())["listening"][0]
        for _ in range(3):
            code, out, _ = call("session", f"tcp://{listening}/responder", "--message", "hello", "--type", ONE_SIDED)
            assert (code, "hello -> hello" in out) == (0, True)
        process.send_signal(signal.SIGTERM)
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert err.count(f"ERROR ockam_fsm.trace the trace {trace} ends here: File too large") == 1
    assert "Traceback" not in err
    assert trace.read_bytes().endswith(b"\n")


@pytest.mark.slow
def test_a_trace_has_the_requested_size(where: str, tmp_path: Path) -> None:
    trace = tmp_path / "near.jsonl"
    head = json.dumps(header((SessionConfig(TYPES[0], Role.INITIATOR),), ()), sort_keys=True)
    record = json.dumps({"node": "near", "sequence": 1, "x": "x" * (2**20 - 300)})
    trace.write_text(f"{head}\n{record}\n")
    words = ["session", f"tcp://{where}/responder", "--type", TYPES[0].name, "--trace", str(trace), "--message", "x"]
    assert call(*words, "--trace-size", "2")[0] == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["near.jsonl"]
    assert call(*words, "--trace-size", "1")[0] == 0
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["near.jsonl", "near.jsonl.1"]


@pytest.mark.parametrize(("text", "seconds"), [("", 30.0), ("idle=5", 30.0), ("request=1", 1.0)])
def test_a_longer_timeout_extends_request_seconds(text: str, seconds: float) -> None:
    """Otherwise `--timeout 30` would end after the ten seconds of request_seconds."""
    assert parsed_durations(text, 30.0).request_seconds == seconds
    assert parsed_durations("", 2.0).request_seconds == Durations().request_seconds

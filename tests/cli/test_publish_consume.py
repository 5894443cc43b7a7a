"""`ockam-fsm publish`, `consume` and `node --stream`: real processes, pipes, signals and files."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.app import counted
from tests.net.ports import kept_address, nowhere
from tests.net.stream_helpers import stored_at

COMMAND = [sys.executable, "-m", "ockam_fsm.cli"]
SECONDS = 30


@contextmanager
def process(*words: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with subprocess.Popen([*COMMAND, *words], **pipes) as found:  # type: ignore[call-overload]
        try:
            yield found
        finally:
            found.kill()


@contextmanager
def serving(where: str, storage: str = "memory") -> Iterator[subprocess.Popen[bytes]]:
    with process("node", "--listen", where, "--stream", "--storage", storage, "--json") as node:
        assert node.stdout is not None
        ready = json.loads(node.stdout.readline())
        assert {"stream", "stream_index"} <= set(ready["workers"])
        yield node


@pytest.fixture(scope="module")
def where() -> Iterator[str]:
    address = kept_address()
    with serving(address):
        yield address


def call(*words: str, given: bytes = b"") -> tuple[int, bytes, str]:
    """Run a command in this process, since a new process takes half a second to start."""
    result = CliRunner().invoke(app, words, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout_bytes, result.stderr


def consumed(where: str, stream: str, *options: str, group: str = "g") -> bytes:
    code, out, _ = call("consume", stream, "--group", group, "--node", where, "--until-idle", "0.1", *options)
    assert code == 0
    return out


@pytest.mark.slow
def test_a_pipe_in_and_a_pipe_out(where: str) -> None:
    with process("publish", "pipe", "--node", where) as sender:
        out, err = sender.communicate(b"one\ntwo\n\nlast without an end", SECONDS)
        assert (sender.returncode, out) == (0, b"")
        assert err.decode() == "4 messages confirmed by pipe, 0 not.\n"
    with process("consume", "pipe", "--group", "g", "--node", where, "--until-idle", "0.2") as reader:
        out, err = reader.communicate(timeout=SECONDS)
        assert (reader.returncode, out) == (0, b"one\ntwo\n\nlast without an end\n")
        assert err.decode() == "4 messages of pipe for group g\n"
    assert consumed(where, "pipe") == b""
    assert consumed(where, "pipe", group="another").count(b"\n") == 4


@pytest.mark.slow
def test_slowly_typed_lines_are_published_at_once(where: str) -> None:
    with (
        process("publish", "slow", "--node", where) as sender,
        process("consume", "slow", "--group", "g", "--node", where) as reader,
    ):
        assert sender.stdin is not None
        assert reader.stdout is not None
        for line in (b"first\n", b"second\n"):
            sender.stdin.write(line)
            sender.stdin.flush()
            assert reader.stdout.readline() == line
        _, err = sender.communicate(timeout=SECONDS)
        assert (sender.returncode, b"2 messages confirmed" in err) == (0, True)
        reader.send_signal(signal.SIGINT)
        _, err = reader.communicate(timeout=SECONDS)
        assert (reader.returncode, err.decode()) == (130, "2 messages of slow for group g\n")


@pytest.mark.slow
def test_forms_of_messages(where: str, tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_bytes(b"a\nb\0\xff\0")
    code, out, _ = call("publish", "forms", str(file), "--node", where, "--null", "--json")
    assert (code, json.loads(out)) == (0, {"stream": "forms", "confirmed": 2, "unconfirmed": 0, "resumed_after": 0,
                                           "state_losses": 0})  # fmt: skip
    assert call("publish", "forms", "--node", where, "--hex", given=b"00ff\n0a\n")[0] == 0
    assert consumed(where, "forms", "--hex") == b"610a62\nff\n00ff\n0a\n"
    assert consumed(where, "forms", "--null", group="null") == b"a\nb\0\xff\0\0\xff\0\n\0"
    lines = [json.loads(line) for line in consumed(where, "forms", "--json", group="json").splitlines()]
    assert lines[1] == {"index": 1, "text": "\\xff", "hex": "ff"}
    assert [line["index"] for line in lines] == [0, 1, 2, 3]


@pytest.mark.slow
def test_partitions(where: str) -> None:
    assert consumed(where, "wide", "--partition", "1") == b""  # reading a partition creates the stream with it
    for partition, text in (("0", b"zero\n"), ("1", b"one\n")):
        assert call("publish", "wide", "--partition", partition, "--node", where, given=text)[0] == 0
    assert consumed(where, "wide", "--partition", "1") == b"one\n"
    assert consumed(where, "wide", "--partition", "0") == b"zero\n"
    code, _, err = call("publish", "wide", "--partition", "2", "--node", where, given=b"x\n")
    assert code == 1
    assert "0 messages confirmed by wide, 1 not." in err
    assert "error: no such partition: wide has no partition 2; publish to a partition that the stream has." in err
    code, out, err = call("consume", "wide", "--partition", "5", "--node", where, "--group", "g")
    assert (code, out) == (1, b"")
    assert "error: no such partition: wide has no partition 5, only 0, 1; read one that the stream has." in err


@pytest.mark.slow
def test_the_state_of_one_partition_is_not_that_of_another(where: str, tmp_path: Path) -> None:
    """Otherwise the input stored in one partition would be skipped for the other."""
    state = str(tmp_path / "state")

    def publish(*options: str) -> tuple[int, bytes, str]:
        return call("publish", "parts", "--node", where, "--resume", state, *options, given=b"one\n")

    assert consumed(where, "parts", "--partition", "1") == b""
    assert publish("--partition", "1")[0] == 0
    for options in ((), ("--partition", "0")):
        code, _, err = publish(*options)
        assert (code, "is of a publisher to partition 1 of 'parts', not to parts" in err) == (2, True)
    assert publish("--partition", "1")[0] == 0
    assert consumed(where, "parts", "--partition", "1") == b"one\n"
    assert consumed(where, "parts") == b""


REMEDY = "Check that `ockam-fsm node --stream` runs there, or wait longer with --timeout."


@pytest.mark.slow
def test_without_confirmations_publish_gives_up_in_time_with_a_remedy() -> None:
    where = nowhere()
    with process("publish", "s", "--node", where, "--timeout", "0.5", env=os.environ | {"COLUMNS": "20"}) as sender:
        assert sender.stdin is not None
        assert sender.stderr is not None
        sender.stdin.write(b"a line, and the pipe stays open\n")
        sender.stdin.flush()
        assert sender.wait(SECONDS) == 1
        waiting, report, error, remedy = sender.stderr.read().decode().splitlines()
    assert waiting.startswith(f"Waiting for {where}: ")
    assert report == "0 messages confirmed by s, 1 not."
    assert error == waiting.replace(f"Waiting for {where}", "error: gave up")
    assert remedy == REMEDY


@pytest.mark.slow
def test_consume_gives_up_in_time_with_a_remedy() -> None:
    where = nowhere()
    code, out, err = call("consume", "s", "--group", "g", "--node", where, "--timeout", "0.5")
    waiting, report, error, remedy = err.splitlines()
    assert (code, out) == (1, b"")
    assert waiting == f"Waiting for {where}: connection lost: connection refused {where}."
    assert re.match(r"0 messages of s for group g, \d+ restarts? \(", report)
    assert (error, remedy) == (f"error: gave up: connection lost: connection refused {where}.", REMEDY)


@pytest.mark.slow
def test_consume_reports_once_why_it_waits_and_continues() -> None:
    where = kept_address()
    with process("consume", "late", "--group", "g", "--node", where) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert reader.stderr.readline().startswith(f"Waiting for {where}: ".encode())
        with serving(where):
            assert call("publish", "late", "--node", where, given=b"kept\n")[0] == 0
            assert reader.stdout.readline() == b"kept\n"
            assert reader.stderr.readline() == f"{where} answers again.\n".encode()
            reader.send_signal(signal.SIGINT)
            assert reader.wait(SECONDS) == 130
            assert re.match(rb"1 message of late for group g, \d+ restarts? \(", reader.stderr.read())


@pytest.mark.slow
def test_the_reason_for_a_missing_stream_is_reported_once(where: str) -> None:
    words = ("consume", "wide", "--group", "g", "--node", where, "--partition", "70", "--timeout", "2.5")
    code, _, err = call(*words)
    assert (code, err.count("Waiting for")) == (1, 1)
    assert err.count("71 partitions: 1 to 64 are allowed") == 3  # the reason for waiting, the report, and the error


@pytest.mark.slow
@pytest.mark.parametrize("node_there", [True, False])
def test_ctrl_c_ends_a_publisher_with_silent_input(where: str, node_there: bool, tmp_path: Path) -> None:
    state = tmp_path / "state"
    at = where if node_there else nowhere()
    with process("publish", f"quiet-{node_there}", "--node", at, "--resume", str(state)) as sender:
        assert sender.stdin is not None
        sender.stdin.write(b"kept\n")
        sender.stdin.flush()
        until(lambda: state.exists() and json.loads(state.read_bytes())["messages"])
        sender.send_signal(signal.SIGINT)
        assert sender.wait(SECONDS) == 130
        assert sender.stderr is not None
        assert b"Traceback" not in sender.stderr.read()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state"]


def until(seen: object) -> None:
    deadline = time.monotonic() + SECONDS
    while not seen():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_publisher_and_a_restarted_node_resume(tmp_path: Path) -> None:
    """Both are killed in the middle: no message is stored twice or lost."""
    where, count = kept_address(), 1500
    given, state, path = tmp_path / "given", tmp_path / "state", tmp_path / "streams.db"
    lines = [b"%d" % number for number in range(count)]
    given.write_bytes(b"\n".join(lines))
    words = ["publish", "numbers", str(given), "--node", where, "--resume", str(state), "--json"]
    with serving(where, f"sqlite:{path}"), process(*words) as sender:
        until(lambda: state.exists() and json.loads(state.read_bytes())["confirmed"] > 200)
        sender.send_signal(signal.SIGKILL)
        sender.wait(SECONDS)
    with serving(where, f"sqlite:{path}") as node, process(*words) as sender:
        out, _ = sender.communicate(timeout=SECONDS)
        assert sender.returncode == 0
        told = json.loads(out)
        assert (told["confirmed"], told["unconfirmed"], told["state_losses"]) == (count, 0, 0)
        assert told["resumed_after"] > 200
        node.send_signal(signal.SIGTERM)
        assert node.wait(SECONDS) == 0
    assert stored_at(path, "numbers") == lines


@pytest.mark.slow
def test_a_closed_reader_ends_consume_silently_and_the_next_one_continues(where: str) -> None:
    call("publish", "short", "--node", where, given=b"one\ntwo\nthree\n")
    with process("publish", "short", "--node", where) as sender:
        assert sender.stdin is not None
        with process("consume", "short", "--group", "g", "--node", where) as reader:
            assert reader.stdout is not None
            assert [reader.stdout.readline() for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
            reader.stdout.close()
            sender.stdin.write(b"four\n")
            sender.stdin.close()
            assert reader.wait(SECONDS) == 141
            assert reader.stderr is not None
            assert reader.stderr.read().decode() == "3 messages of short for group g\n"
    assert consumed(where, "short") == b"four\n"


@pytest.mark.slow
def test_output_that_cannot_be_written_ends_consume_with_one_reason(where: str) -> None:
    call("publish", "full", "--node", where, given=b"one\n")
    with (
        open("/dev/full", "wb") as full,
        process("consume", "full", "--group", "g", "--node", where, stdout=full) as reader,
    ):
        _, err = reader.communicate(timeout=SECONDS)
    said = "error: cannot write to standard output: No space left on device.\n0 messages of full for group g\n"
    assert (reader.returncode, err.decode()) == (2, said)


@pytest.mark.slow
def test_ctrl_c_reports_how_much_was_published(where: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ["publish", "interrupted", "--node", where, "--resume", str(state), "--json"]
    with process(*words) as sender:
        assert sender.stdin is not None
        sender.stdin.write(b"one\ntwo\n")
        sender.stdin.flush()
        until(lambda: consumed(where, "interrupted").endswith(b"two\n"))
        sender.send_signal(signal.SIGINT)
        out, err = sender.communicate(timeout=SECONDS)
    told = json.loads(out)
    done, left = told["confirmed"], told["unconfirmed"]  # the last confirmation may be in flight
    assert (sender.returncode, done + left) == (130, 2)
    assert err.decode() == f"{counted(done, 'message')} confirmed by interrupted, {left} not.\n"


@pytest.mark.slow
def test_on_a_terminal_the_progress_is_cleared_at_the_end() -> None:
    ours, theirs = pty.openpty()
    with process("publish", "s", "--node", nowhere(), "--timeout", "1.5", stderr=theirs) as sender:
        assert sender.stdin is not None
        sender.stdin.write(b"x\n")
        sender.stdin.close()
        assert sender.wait(SECONDS) == 1
    os.close(theirs)
    shown = os.read(ours, 2**16).decode()
    os.close(ours)
    assert "0 of 1 confirmed" in shown
    assert shown.rpartition("\x1b[2K")[2].startswith("0 messages confirmed by s, 1 not.")


def of_another_stream(path: Path) -> str:
    content = {"format": "ockam_fsm publisher 1", "stream": "other", "identity": "00" * 16, "number": 1, "before": 0,
               "confirmed": 0, "messages": []}  # fmt: skip
    path.write_text(json.dumps(content))
    return str(path)


@pytest.mark.slow
def test_wrong_arguments_have_clear_errors(where: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    text, other = str(tmp_path / "text"), of_another_stream(tmp_path / "other")
    publish, consume = ["publish", "s", "--node", where], ["consume", "s", "--group", "g", "--node", where]
    node = ["node", "--listen", "127.0.0.1:0"]
    for words, said in (
        ([*publish[:2], str(tmp_path / "nowhere")], "No such file"),
        ([*publish[:2], str(tmp_path)], "cannot read"),
        ([*publish, text, "--resume", text], "holds no state of a publisher"),
        ([*publish, text, "--resume", other], "is of a publisher to other, not to s"),
        ([*publish, text, "--resume", str(tmp_path)], "cannot read"),
        ([*publish, text, "--resume", str(tmp_path / "no" / "state")], "state: No such file"),
        ([*publish, text, "--hex"], "'text' is not a line of hexadecimal digits"),
        ([*publish, text, "--hex", "--null"], "exclude each other"),
        ([*publish[:2], text, "--node", "here"], "HOST:PORT"),
        ([*consume[:4], "--node", "127.0.0.1"], "HOST:PORT"),
        ([*publish, "--window", "0"], "--window"),
        ([*publish, "--timeout", "0"], "--timeout"),
        ([*consume, "--timeout", "0"], "--timeout"),
        ([*consume, "--partition", "-1"], "--partition"),
        ([*consume, "--until-idle", "nan"], "--until-idle"),
        (["publish", "", text], "the name of the stream is empty"),
        (["consume", "", "--group", "g"], "the name of the stream is empty"),
        ([*node, "--stream", "--storage", "paper"], "'paper' is not a storage"),
        ([*node, "--stream", "--storage", "sqlite:"], "is not a storage"),
        ([*node, "--storage", "sqlite:x"], "Add --stream"),
    ):
        code, out, err = call(*words, given=b"")
        assert (code, out, said in err) == (2, b"", True), (words, code, err)
    code, _, err = call(*node, "--stream", "--storage", f"sqlite:{text}")
    assert (code, "Remedy" in err) == (1, True), err


@pytest.mark.slow
def test_lines_before_a_wrong_line_are_published(where: str) -> None:
    code, _, err = call("publish", "half", "--node", where, "--hex", given=b"61\n62\nno\n63\n")
    assert (code, "2 messages confirmed" in err, "'no' is not a line" in err) == (2, True, True)
    assert consumed(where, "half") == b"a\nb\n"


@pytest.mark.parametrize("command", ["publish", "consume", "node"])
def test_help_has_examples_and_exit_codes(command: str) -> None:
    code, out, _ = call(command, "--help")
    assert (code, b"Examples" in out, b"Exit codes" in out) == (0, True, True)

"""The cost of a hostile node for the kit: bounded memory, no files, and no more time than `--limit`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from ockam_fsm.conformance import Effort, check_program
from ockam_fsm.conformance.report.findings import REASON_CHARACTERS, Verdict
from ockam_fsm.conformance.wire import case_context
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.case_context import KitRun
from ockam_fsm.conformance.wire.kit import GRACE_SECONDS, selected_cases
from ockam_fsm.conformance.wire.record import MAX_MEANING, CaseRecord
from ockam_fsm.conformance.wire.runner import ENDED, OVER, Runner
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.raw_peer import MOST_WAITING, RawListener, pause
from ockam_fsm.projections.sequence_text import to_text
from ockam_fsm.runtime.encoding.frames import MAX_FRAME_BYTES, VERSION, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.tools.line_subprocess import TAIL_BYTES, LineProgram, ProgramLost
from tests.conformance.test_wire_bounded import judged, says_its_version
from tests.net.tcp_helpers import until

KEPT = 2**20
LARGEST = encode_frame(encode_message(Message((local("kit"),), (), b"x" * (KEPT // 4))))
LONG_ROUTE = tuple(local(b"%d" % number) for number in range(128))


async def sends_large_messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    while True:
        writer.write(LARGEST)
        await writer.drain()


async def never_ends_a_frame(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION + (MAX_FRAME_BYTES).to_bytes(4, "big"))
    for _ in range(MAX_FRAME_BYTES // KEPT - 1):
        writer.write(b"x" * KEPT)
        await writer.drain()
    await reader.read(-1)


async def names_other_addresses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    number = 0
    while True:
        number += 50
        routes = ((local(f"{number + at}"), *LONG_ROUTE[1:]) for at in range(50))
        writer.write(b"".join(encode_frame(encode_message(Message(route, (), b""))) for route in routes))
        await writer.drain()


@pytest.mark.slow
@pytest.mark.parametrize("serve", [sends_large_messages, never_ends_a_frame, names_other_addresses])
def test_memory_for_a_node_is_bounded(serve: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_context, "KEPT_BYTES", KEPT)
    tracemalloc.start()
    report = judged(serve, "ockam", "echo", "handshake", "malformed-hello", run_seconds=10.0)  # type: ignore[arg-type]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30 * KEPT
    assert any("unsolicited or unread data" in one.reason for one in report.findings), [
        (one.case, one.reason) for one in report.findings
    ]
    assert report.exit_code > 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_run_ends_at_its_limit(seconds: float) -> None:
    began = time.monotonic()
    report = judged(says_its_version, run_seconds=seconds)
    assert time.monotonic() - began < seconds + 3.0
    over = [one for one in report.findings if "time of the run" in one.reason]
    assert over


@pytest.mark.slow
def test_a_run_that_waits_indefinitely_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(self: Bystander) -> str:
        await pause(3600.0)
        return ""

    monkeypatch.setattr(Bystander, "ready", forever)
    began = time.monotonic()
    report = judged(says_its_version, "ockam", "wrong-version", run_seconds=1.0)
    assert time.monotonic() - began < 1.0 + GRACE_SECONDS + 2.0
    assert [one.reason for one in report.findings if one.case == "wrong-version"] == [ENDED]


def test_nothing_is_tried_when_the_time_is_over() -> None:
    async def main() -> list[str]:
        target = NodeUnderTest("127.0.0.1:1", "spawner", pace=Pace(run_seconds=-1.0))
        runner = Runner(KitRun(target), "conform")
        await runner.attempt(selected_cases(target)[0], lambda: pytest.fail("it was tried"))
        return [one.reason for one in runner.findings]

    assert run(main(), fast=False) == [OVER]


def test_the_record_of_a_message_is_bounded() -> None:
    record = CaseRecord()
    record.received("kit", b"", "x" * 100_000)
    record.note("y" * 100_000)
    shown = record.reproduction("case", "title", "sentence", "")
    assert len(to_text(shown.chart)) < 10 * MAX_MEANING
    assert len(shown.transmissions[0].meaning) <= MAX_MEANING + 3


def test_unsolicited_connections_are_bounded() -> None:
    async def main() -> tuple[int, int]:
        listener = await RawListener.at("127.0.0.1:0")
        host, port = listener.where.split(":")
        writers = [(await asyncio.open_connection(host, int(port)))[1] for _ in range(MOST_WAITING + 20)]
        await until(lambda: listener.accepted == MOST_WAITING + 20 and not listener._greeting)
        made, waiting = listener.accepted, 0
        while listener.pending():
            (await listener.next(1.0)).abort()
            waiting += 1
        listener.close()
        for writer in writers:
            writer.close()
        await pause(0.01)
        return made, waiting

    assert run(main(), fast=False) == (MOST_WAITING + 20, MOST_WAITING), "all are counted, so many are kept"


# By pipe --------------------------------------------------------------------------------------------------------------


def program(body: str) -> list[str]:
    return [sys.executable, "-c", f"import sys\nfor line in sys.stdin:\n {body}\n sys.stdout.flush()"]


def test_the_end_of_many_errors_of_a_program_is_kept() -> None:
    asked = LineProgram(program("sys.stderr.write('e' * 300_000 + ' last words'); sys.exit(3)"), 10.0)
    with pytest.raises(ProgramLost, match="last words") as lost:
        asked.ask(b"x")
    assert len(str(lost.value)) < TAIL_BYTES + 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        """print('{"ready": [], "outputs": [' + '0,' * 100_000 + '0]}')""",
        """print('[' * 1_000_000)""",
        """print('{"ready": ["dead letters"], "x": "' + 'y' * 9_000_000 + '", "outputs": []}')""",
        """print('{"ready": [], "outputs": [{"send": {"onward_route": [[0, "' + 'ab' * 600 + '"]]}}]}')""",
    ],
)
def test_answers_of_a_program_are_bounded(body: str) -> None:
    report = check_program(program(body), (EXPLICIT_TRANSIENT,), effort=Effort(examples=0))
    assert Verdict.PASS not in {one.verdict for one in report.findings if one.clause == "3.1"} or report.exit_code
    assert all(len(one.reason) <= REASON_CHARACTERS for one in report.findings)


@pytest.mark.slow
def test_a_program_that_does_not_answer_gets_no_longer_than_the_run_has() -> None:
    end = time.monotonic() + 1.0
    effort = Effort(over=lambda: time.monotonic() > end)
    report = check_program(program("import time; time.sleep(60)"), effort=effort, answer_seconds=60.0)
    assert time.monotonic() < end + 5.0
    assert Verdict.FAIL not in {one.verdict for one in report.findings}


def test_the_kit_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", os.fspath(tmp_path))
    asked = LineProgram(program("print('{}')"), 10.0)
    asked.ask(b"x")
    asked.close()
    assert list(tmp_path.iterdir()) == []

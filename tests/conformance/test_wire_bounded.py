"""The black-box kit against targets that are not nodes: runs end with the right verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.kit import Kit, selected_cases
from ockam_fsm.conformance.wire.runner import ENDED
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.encoding.frames import VERSION, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from tests.conformance.defective import failures, our_node
from tests.net.ports import nowhere

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FRAME = encode_frame(encode_message(Message((local("kit"),), (), b"x" * 100)))


async def never_speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def says_its_version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    await reader.read(-1)


async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def drops_after_its_version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    await reader.read(2)
    writer.transport.abort()


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    while True:
        writer.write(FRAME * 100)
        await writer.drain()


async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(VERSION)
    while True:
        writer.write(b"\x00\x00\x00\x05hello" * 100)
        await writer.drain()


async def speaks_another_protocol(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read(-1)


TARGETS = [
    (never_speaks, {"14.1"}),
    (drops, {"14.1"}),
    (speaks_another_protocol, {"14.1"}),
    (says_its_version, {"14.1"}),
    (drops_after_its_version, {"14.1"}),
    (talks_nonsense, {"14.1"}),
    (floods, {"14.4"}),
]
SOME = ("version-byte", "echo", "wrong-version", "handshake", "data", "malformed-hello", "foreign-connection",
        "stream-partitions", "stream-index")  # fmt: skip
"""A selection of cases; `test_every_defect.py` tries all of them."""


def judged(serve: Serve, profile: str = "ockam", *only: str, run_seconds: float = 20.0) -> Report:
    from ockam_fsm.runtime.session.handshake import PROFILES

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def main() -> Report:
        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        target = NodeUnderTest(where, "spawner", "echo", "stream", PROFILES[profile], stream_index="stream_index",
                               pace=Pace(0.2, run_seconds=run_seconds))  # fmt: skip
        async with asyncio.timeout(60.0):
            report = await Kit(target, "conform", lambda done, total, name: None, CaseSelection(tuple(only))).judge()
        server.close()
        await asyncio.sleep(0)
        return report

    return run(main(), fast=False)


@pytest.mark.slow
@pytest.mark.parametrize(("serve", "clauses"), TARGETS)
def test_a_run_ends_with_the_right_verdicts(serve: Serve, clauses: set[str]) -> None:
    report = judged(serve, "ockam", *SOME)
    assert failures(report) >= clauses
    assert report.exit_code == 1
    # Of sessions and streams, only that none can be opened may be a failure.
    assert failures(report) <= clauses | {"12.8", "12.10", "14.2", "14.4"}


@pytest.mark.slow
def test_a_run_ends_at_its_limit() -> None:
    report = judged(says_its_version, run_seconds=1.0)
    assert any("time of the run (--limit" in one.reason for one in report.findings)


@pytest.mark.slow
def test_findings_before_an_early_end_are_kept() -> None:
    async def main(where: str) -> Report:
        target = NodeUnderTest(where, "session_spawner", "echo")

        def progress(done: int, total: int, name: str) -> None:
            if done == 3:
                judging.cancel()

        kit = Kit(target, "conform", progress)
        judging = asyncio.create_task(kit.judge())
        with pytest.raises(asyncio.CancelledError):
            await judging
        return kit.report()

    with our_node() as where:
        report = run(main(where), fast=False)
    verdicts = {one.case: one.verdict for one in report.findings if one.reason != ENDED}
    assert set(verdicts.values()) <= {Verdict.PASS, Verdict.NOT_APPLICABLE}
    assert len(verdicts) == 3 + 1
    assert verdicts["writes"] is Verdict.PASS
    every = {one.name for one in selected_cases(NodeUnderTest("", "session_spawner"))}
    assert {one.case for one in report.findings} == every | {"writes"}
    assert report.exit_code == 2


def test_an_unreachable_target_is_undetermined() -> None:
    async def main() -> Report:
        target = NodeUnderTest(nowhere(), "spawner", "echo")
        return await Kit(target, "conform", lambda done, total, name: None).judge()

    report = run(main(), fast=False)
    assert report.exit_code == 2
    assert {one.verdict for one in report.findings} == {Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE}
    assert "cannot be reached" in report.findings[0].reason

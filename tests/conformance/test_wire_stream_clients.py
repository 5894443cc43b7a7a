"""The kit as a stream service: mutant publishers and consumers are rejected for their clause, ours pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.case_context import FLOOD
from ockam_fsm.conformance.wire.initiator_kit import CASES, InitiatorKit, selected_cases
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.raw_peer import RawListener
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.encoding.stream_messages import CreateStream, SaveIndex, encode_request
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from tests.conformance.defective_clients import (
    CONSUMERS,
    DURATIONS,
    PUBLISHERS,
    ConsumerDefect,
    PublisherDefect,
    begun,
)

MUTANTS: dict[str, tuple[str, str]] = {
    # defect: the case that is about it, the clause that it breaks
    "counts-from-0": ("publishes-in-order", "12.3"),
    "forgets-unconfirmed": ("publishes-again", "12.2"),
    "believes-errors": ("publishes-after-an-error", "12.2"),
    "sends-another": ("publishes-again", "12.3"),
    "believes-each-alone": ("publishes-once-confirmed", "12.3"),
    "needs-no-record": ("publishes-anew", "12.4"),
    "same-identity": ("publishes-anew", "12.4"),
    "from-the-beginning": ("consumes-from-the-saved-index", "12.7"),
    "never-saves": ("consumes-and-saves", "12.7"),
    "saves-the-last": ("consumes-and-saves", "12.7"),
    "believes-any-pull": ("consumes-no-stale-response", "12.7"),
    "goes-back": ("consumes-nothing-before", "12.7"),
    "any-order": ("consumes-in-order", "12.7"),
    "asks-once": ("consumes-what-comes-later", "12.7"),
    "another-partition": ("consumes-its-partition", "12.10"),
}
DEFECTS = tuple(one for one in (*PUBLISHERS, *CONSUMERS) if not one.name.startswith("none"))
PATIENCE = 2.0


async def judged(
    defect: PublisherDefect | ConsumerDefect, only: Iterable[str] = (), wait_seconds: float = 20.0
) -> Report:
    """Judge a client in its profile with these cases (none given: all)."""
    listener = await RawListener.at("127.0.0.1:0")
    publishes = isinstance(defect, PublisherDefect)
    profile, kind = (GENERATION, EXPLICIT_PERSISTENT_ONE_SIDED) if publishes else (OCKAM, EXPLICIT_TRANSIENT)
    target = NodeUnderTest(listener.where, "stream", profile=profile, session_type=kind, durations=DURATIONS,
                           stream_index="stream_index", pace=Pace(PATIENCE))  # fmt: skip
    async with begun(defect.run, f"tcp://{listener.where}/stream") as client:
        kit = InitiatorKit(
            target,
            "conform",
            lambda done, total, name: None,
            client.begin,
            wait_seconds,
            CaseSelection(tuple(only)),
            "stream",
        )
        return await kit.judge(listener)


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The report of each client for the case about its defect."""

    async def main() -> list[Report]:
        return await asyncio.gather(*(judged(one, [MUTANTS[one.name][0]]) for one in DEFECTS))

    return dict(zip((one.name for one in DEFECTS), run(main(), fast=False), strict=True))


def test_every_defect_is_tried_by_every_case() -> None:
    assert [one.name for one in DEFECTS] == list(MUTANTS)
    assert {name for name, _ in MUTANTS.values()} == {one.name for one in CASES["stream"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_rejected_for_its_clause(reports: dict[str, Report], name: str) -> None:
    failed = {(one.case, one.clause) for one in reports[name].findings if one.verdict is Verdict.FAIL}
    assert failed == {MUTANTS[name]}, [one.reason for one in reports[name].findings]
    assert reports[name].exit_code == 1


def asks_for_too_much(request: CreateStream | SaveIndex, times: int) -> PublisherDefect | ConsumerDefect:
    """A client that only sends this request, to the service or to the index worker."""

    class Asks(ConsumerDefect):
        async def run(self, node: TcpNode, route: str) -> None:
            where = route if isinstance(request, CreateStream) else f"{route}_index"
            for _ in range(times):
                node.send(where, encode_request(request), return_route=(local("back"),))
                await asyncio.sleep(0)

    return Asks("asks for too much")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "times", "verdict", "reason"),
    [
        (CreateStream("orders", 2**60), 1, Verdict.INCONCLUSIVE, "no pull came"),
        (SaveIndex("billing", "orders", 7), FLOOD + 1, Verdict.FAIL, "expected a save for each of a few messages"),
    ],
    ids=["partitions", "saves"],
)
def test_a_run_ends_although_a_client_requests_too_much(
    request_: CreateStream | SaveIndex, times: int, verdict: Verdict, reason: str
) -> None:
    client = asks_for_too_much(request_, times)
    wait_seconds = 2.0 if verdict is Verdict.INCONCLUSIVE else 60.0  # a failure ends the wait
    report = run(judged(client, ["consumes-and-saves"], wait_seconds=wait_seconds), fast=False)
    (found,) = [one for one in report.findings if one.case == "consumes-and-saves"]
    assert (found.verdict, reason in found.reason) == (verdict, True), found.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "client", [*PUBLISHERS[:2], *CONSUMERS[:2]], ids=lambda one: f"{type(one).__name__} {one.name}"
)
def test_ours_passes_everything(client: PublisherDefect | ConsumerDefect) -> None:
    report = run(judged(client), fast=False)
    profile = GENERATION if client in PUBLISHERS else OCKAM
    wanted = {one.name for one in selected_cases(NodeUnderTest("", "stream", profile=profile), role="stream")}
    found = {one.case: one.verdict for one in report.findings if one.case in wanted}
    reasons = [(one.case, one.reason) for one in report.findings if one.verdict is not Verdict.PASS]
    if client is CONSUMERS[0]:
        assert found.pop("consumes-its-partition") is Verdict.NOT_APPLICABLE
        wanted.remove("consumes-its-partition")
    assert found == dict.fromkeys(wanted, Verdict.PASS), reasons
    assert report.exit_code == 0

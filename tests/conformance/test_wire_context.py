"""The context of a case: an answer is missing only once a later message was answered, not because the node is slow."""

from __future__ import annotations

import pytest

from ockam_fsm.conformance.wire.case_context import CaseContext, KitRun, fresh
from ockam_fsm.conformance.wire.stall_detector import StallDetector
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.raw_peer import beside, now
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.workers import Context, Handler, echo
from tests.net.tcp_helpers import until


@pytest.mark.parametrize(
    ("echo", "worker", "comes"),
    [
        ("echo", "slow", True),  # nothing is handled within the patience; then everything is, in order
        ("echo", "mute", False),
        ("", "slow", False),  # no echo worker
    ],
)
def test_an_answer_of_a_slow_node_is_not_missing(echo: str, worker: str, comes: bool) -> None:
    waiting: list[Message] = []

    def slow(message: Message, context: Context) -> None:
        waiting.append(message)

    def mute(message: Message, context: Context) -> None:
        """Ignore every message."""

    def answering(message: Message, context: Context) -> None:
        for one in (*waiting, message):
            context.send(one.return_route, one.payload)

    async def main() -> Message | None:
        async with TcpNode() as node:
            for name, handler in (("slow", slow), ("mute", mute), ("echo", answering)):
                node.worker(name, handler, public=True)
            pace = Pace(patience_seconds=0.05, settle_seconds=0.01)
            context = CaseContext(KitRun(NodeUnderTest(await node.listen(), "spawner", echo, pace=pace)))
            wire, back = await context.wire(), fresh()
            wire.send((local(worker),), b"x", (back,))
            found = await wire.receive(back)
            context.close()
        return found

    assert (run(main(), fast=False) is not None) == comes


@pytest.mark.slow
def test_stalls_are_measured() -> None:
    def mute(message: Message, context: Context) -> None:
        """Ignore every message."""

    async def main(handler: Handler, patience: float) -> float:
        async with TcpNode() as node:
            node.worker("echo", handler, public=True)
            pulse = StallDetector(KitRun(NodeUnderTest(await node.listen(), "spawner", "echo", pace=Pace(patience))))
            began = now()
            async with beside(pulse.beat()):
                await until(lambda: len(pulse.answers) >= 2)
                return pulse.longest_seconds(began)

    assert run(main(echo, 30.0), fast=False) < 30.0
    assert run(main(mute, 0.05), fast=False) >= 0.05

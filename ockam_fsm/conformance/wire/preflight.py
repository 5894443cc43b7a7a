"""The check of the declared addresses before a run: does each of them answer?

Theory: a mistyped address looks like a node that does not answer, and every case would fail for it.

Rule 1: silence is reported, and an answer that there is no such worker. Any other answer is for the cases.
Rule 2: a node that cannot be reached, closes the connection or sends unreadable messages is for the cases, too. A
        spawner of two-sided sessions is not asked: a node that may make no connections (16.8) is silent.
Rule 3: all addresses are asked at once, within twice the patience.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ockam_fsm.conformance.wire.case_context import CaseContext, CaseOutcome, KitRun, Wire, any_hello, frame, fresh
from ockam_fsm.conformance.wire.stream_client import new_name
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import now, pause
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.encoding.stream_messages import CreateStream, GetIndex, encode_request
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.signals import Error

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Question:
    """A message for an address that the user has declared with `option`."""

    option: str
    address: str
    payload: bytes
    back: Address

    @property
    def named(self) -> str:
        return f"{self.option} {self.address}"


def questions(run: KitRun) -> Iterator[Question]:
    target = run.target
    if target.echo:
        yield Question("--echo", target.echo, b"are you there?", fresh("echo"))
    if target.spawner and target.session_type.renegotiation is not Renegotiation.TWO_SIDED:
        back = fresh("handshake")
        yield Question("--spawner", target.spawner, any_hello(run, back), back)
    if target.stream:
        yield Question("--stream", target.stream, encode_request(CreateStream(new_name())), fresh("client"))
    if target.stream_index:
        request = GetIndex("nobody", new_name())
        yield Question("--stream-index", target.stream_index, encode_request(request), fresh("client"))


async def is_there(target: NodeUnderTest, start: Callable[[], Awaitable[None]]) -> bool:
    """Whether a node sends its version byte, after `start` if it does not at first."""
    if await _greets(target):
        return True
    await start()
    until = now() + target.pace.start_seconds
    while now() < until:
        if await _greets(target):
            return True
        await pause(POLL_SECONDS)
    return False


async def _greets(target: NodeUnderTest) -> bool:
    context = CaseContext(KitRun(target))
    try:
        await context.wire("preflight")
    except CaseOutcome:
        return False
    finally:
        context.close()
    return True


async def misnamed(target: NodeUnderTest) -> str:
    """The problems of the declared addresses; empty if each of them answers."""
    context = CaseContext(KitRun(target))
    try:
        wire = await context.wire("preflight")
        asked = list(questions(context.run))
        for one in asked:
            wire.peer.send(frame(Message((local(one.address),), (one.back,), one.payload)))
        answers = await _answers(wire, asked)
    except CaseOutcome:
        return ""
    finally:
        context.close()
    orderly = not wire.peer.ended and not context.run.unwritable
    return "; ".join(filter(None, (_problem(target, one, answers.get(one)) for one in asked))) if orderly else ""


async def _answers(wire: Wire, asked: list[Question]) -> dict[Question, Message]:
    """The answers within the patience, or twice the patience if none comes (Rule 3)."""
    answers: dict[Question, Message] = {}
    for _ in range(2):
        until = now() + wire.context.patience
        for one in asked:
            message = await wire.receive(one.back, seconds=max(0.0, until - now()))
            if message is not None:
                answers[one] = message
        if answers:
            break
    return answers


def _problem(target: NodeUnderTest, asked: Question, message: Message | None) -> str:
    if message is None:
        return f"no answer from {asked.named}"
    if asked.option != "--spawner":
        return ""
    if message.payload == asked.payload:
        return f"{asked.named} echoes a hello: it is no spawner"
    try:
        signal = target.profile.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError:
        return ""
    return f"{asked.named} refuses a hello: {signal.reason}" if isinstance(signal, Error) else ""

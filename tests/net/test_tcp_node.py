"""The public interface of a node: sessions of every type, requests, changes, handlers, observers, tracing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, SessionType, State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.observability import HELP, LogObserver, Metrics, described
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.commands import (
    AttemptStarted,
    Letter,
    NotifyOwner,
    Observation,
    RememberNumber,
    StateChanged,
    WorkerFailed,
)
from ockam_fsm.runtime.node.workers import Context, RestartPolicy, echo
from ockam_fsm.runtime.session.commands import TimedOut
from ockam_fsm.runtime.session.config import BackOff
from tests.net.tcp_helpers import QUICK, over_tcp, until

COMBINATIONS = [
    (kind, profile)
    for kind in TYPES
    for profile in ("generation", "ockam")
    if profile == "generation" or kind.renegotiation is not Renegotiation.TWO_SIDED
]


@asynccontextmanager
async def two(**options: object) -> AsyncIterator[tuple[TcpNode, TcpNode, str]]:
    """Two listening nodes, and the address of the second."""
    async with TcpNode() as there, TcpNode(**options) as here:  # type: ignore[arg-type]
        await here.listen()
        yield here, there, await there.listen()


@pytest.mark.parametrize("fast", [False, True], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS, ids=lambda value: getattr(value, "name", value))
def test_a_session_of_every_type(kind: SessionType, profile: str, fast: bool) -> None:
    async def main() -> None:
        async with two() as (here, there, where):
            there.spawner("spawner", kind, handler=echo, profile=profile, durations=QUICK)
            route = f"tcp://{where}/spawner"
            async with here.session(route, kind.name, profile=profile, durations=QUICK) as session:
                assert await session.request(b"question") == b"question"
                await session.send(b"data")
                assert (await session.receive()).payload == b"data"
                (responder,) = there.responders("spawner")
                await responder.send(b"from there")
                assert (await session.receive()).payload == b"from there"
                assert (session.state, session.generation) == (State.ESTABLISHED, 1)
                if kind.persistent:
                    await session.renegotiate()
                    assert await session.request(b"again") == b"again"
                    assert session.generation == 2
                    assert session.resumed == (profile == "generation")
                elif kind.creation is Creation.EXPLICIT:
                    with pytest.raises(EventRefused):
                        await session.renegotiate()
            assert session.state is State.CLOSED
            assert session.reason == "closed by order"
            with pytest.raises(LocalSessionError):
                await session.send(b"late")
            if profile == "generation" and not kind.persistent:  # a persistent one waits for the return of its peer
                await until(lambda: there.responders("spawner") == ())

    over_tcp(main(), fast=fast)


def test_changes_as_callback_and_iterator() -> None:
    async def main() -> None:
        async with two() as (here, there, where):
            there.spawner("spawner", "explicit-persistent-one-sided", handler=echo)
            session = here.session(f"tcp://{where}/spawner", "explicit-persistent-one-sided", durations=QUICK)
            heard: list[StateChanged] = []
            forget = session.on_change(heard.append)

            def broken(change: StateChanged) -> None:
                raise ValueError

            session.on_change(broken)
            problems: list[object] = []
            here.loop.set_exception_handler(lambda loop, context: problems.append(context["exception"]))
            seen: list[tuple[str, int]] = []

            async def watch() -> None:
                seen.extend([(change.after, change.generation) async for change in session.changes()])

            watching = asyncio.ensure_future(watch())
            await asyncio.sleep(0)
            async with session:
                forget()
                await session.renegotiate()
            await watching
            expected = [("NEGOTIATING", 1), ("ESTABLISHED", 1), ("TIMED_OUT", 1), ("RENEGOTIATING", 2)]
            assert seen == [*expected, ("ESTABLISHED", 2), ("CLOSED", 2)]
            assert [(change.after, change.generation) for change in heard] == expected[:2]
            assert [type(problem) for problem in problems] == [ValueError]

    over_tcp(main())


def ignore(message: Message, context: Context) -> None: ...


def test_requests_fail_with_the_cause() -> None:
    async def main() -> None:
        async with two() as (here, there, where):
            there.spawner("silent", handler=ignore)
            hurried = replace(QUICK, request_seconds=0.05)
            async with here.session(f"tcp://{where}/silent", durations=hurried) as session:
                with pytest.raises(TimeoutError):
                    await session.request(b"x")
                assert await session.closed() == "request timed out"  # it was a transient session
                with pytest.raises(RemoteSessionError, match="request timed out"):
                    await session.established()
            with pytest.raises(TimeoutError):
                await here.request(f"tcp://{where}/nobody", b"x", timeout_seconds=0.05)
            async with here.session(f"tcp://{where}/silent") as session:
                asking = asyncio.ensure_future(session.request(b"x"))
                cancelled = asyncio.ensure_future(session.request(b"y"))
                await asyncio.sleep(0)
                cancelled.cancel()
                await until(lambda: there.responders("silent")[-1].state is State.ESTABLISHED)
                *_, responder = there.responders("silent")
                await responder.close()
                with pytest.raises(RemoteSessionError, match="closed by the peer"):
                    await asking
                assert await session.closed() == "closed by the peer"
                with pytest.raises(RemoteSessionError, match="closed by the peer"):
                    await session.receive()
                assert [message async for message in session.messages()] == []

    over_tcp(main())


def test_a_failed_opening_has_the_reason() -> None:
    async def main() -> None:
        async with two() as (here, _, where):
            session = here.session(f"tcp://{where}/nobody", durations=QUICK)
            with pytest.raises(RemoteSessionError, match="no such worker: nobody"):
                await session.open()
            session = here.session("tcp://127.0.0.1:1/nobody", durations=QUICK)
            with pytest.raises(RemoteSessionError, match="lower layer lost"):
                async with session:
                    pass

    over_tcp(main())


def test_wrong_use_is_an_error_with_a_remedy() -> None:
    async def main() -> None:
        node = TcpNode()
        with pytest.raises(LocalSessionError, match="async with"):
            await node.listen()
        async with node:
            with pytest.raises(LocalSessionError, match="there are explicit-transient"):
                node.session("tcp://127.0.0.1:1/x", "transient")
            with pytest.raises(LocalSessionError, match="there are ockam, generation"):
                node.session("tcp://127.0.0.1:1/x", profile="okcam")
            with pytest.raises(LocalSessionError, match="needs a route to this node"):
                node.session("tcp://127.0.0.1:1/x", "explicit-persistent-two-sided")
            session = node.session("tcp://127.0.0.1:1/x", "implicit-persistent-two-sided", own_route="tcp://a:1/relay")
            with pytest.raises(EventRefused):
                await session.open()
            node.worker("taken", echo)
            with pytest.raises(LocalSessionError, match="taken"):
                node.worker("taken", echo)
            node.stop("taken")
            handled = node.session("tcp://127.0.0.1:1/x", handler=echo)
            with pytest.raises(TypeError, match="handler"):
                await handled.receive()

    over_tcp(main())


def test_a_coroutine_handles_one_message_at_a_time_and_others_go_on() -> None:
    async def main() -> None:
        gate = asyncio.Event()
        inside: list[bytes] = []

        async def slowly(message: Message, context: Context) -> None:
            inside.append(message.payload)
            await gate.wait()
            context.reply(message.payload.upper())

        async with two() as (here, there, where):
            there.worker("slow", slowly, public=True)
            there.worker("echo", echo, public=True)
            asking = [asyncio.ensure_future(here.request(f"tcp://{where}/slow", b"%c" % c)) for c in b"abc"]
            await until(lambda: inside)
            assert (await here.request(f"tcp://{where}/echo", b"x")).payload == b"x"
            assert inside == [b"a"]
            gate.set()
            assert [(await one).payload for one in asking] == [b"A", b"B", b"C"]

    over_tcp(main())


def test_a_coroutine_that_raises_is_supervised_and_its_mailbox_is_bounded() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        entered: list[bytes] = []

        async def fails(message: Message, context: Context) -> None:
            entered.append(message.payload)
            await gate.wait()
            if message.payload == b"bad":
                raise ValueError
            context.reply(message.payload)

        restart = RestartPolicy(1, 60.0, BackOff(0.001, 1.0, 0.001, 0.0))
        async with TcpNode(mailbox=2) as there, TcpNode() as here:
            where = await there.listen()
            there.worker("w", fails, public=True, restart=restart)
            here.send(f"tcp://{where}/w", b"bad")
            await until(lambda: entered)
            for payload in (b"waits", b"waits too", b"too many"):
                here.send(f"tcp://{where}/w", payload)
            counts = there.node.dead_letters.counts
            await until(lambda: counts.get("mailbox full"))
            gate.set()
            await until(lambda: counts == {"mailbox full": 1, "handler raised": 3})
            answered: list[bytes] = []
            while not answered:  # before its restart, messages are dead letters
                try:
                    answered.append((await here.request(f"tcp://{where}/w", b"again", timeout_seconds=0.05)).payload)
                except TimeoutError:
                    continue
            here.send(f"tcp://{where}/w", b"bad")
            await until(lambda: local("w") not in there.node.router.residents)

    over_tcp(main())


def test_a_tracing_context_goes_through_sessions_and_requests() -> None:
    async def main() -> None:
        traces: list[str | None] = []

        def note(message: Message, context: Context) -> None:
            traces.append(message.tracing_context)
            context.reply(message.payload)

        async with two() as (here, there, where):
            there.worker("w", note, public=True)
            there.spawner("spawner", handler=note)
            await here.request(f"tcp://{where}/w", b"x", tracing_context="00-w")
            async with here.session(f"tcp://{where}/spawner") as session:
                await session.request(b"x", tracing_context="00-request")
                await session.send(b"x", tracing_context="00-send")
                await session.send(b"x", (local("w"),), tracing_context="00-through")
                await until(lambda: len(traces) == 4)
        assert sorted(map(str, traces)) == ["00-request", "00-send", "00-through", "00-w"]

    over_tcp(main())


def test_an_inbox_is_bounded() -> None:
    async def main() -> None:
        async with two(mailbox=2) as (here, there, where):
            there.spawner("spawner", handler=echo)
            async with here.session(f"tcp://{where}/spawner") as session:
                for number in range(3):
                    await session.send(b"%d" % number)
                await until(lambda: here.node.dead_letters.counts == {"inbox full": 1})
                assert [(await session.receive()).payload for _ in range(2)] == [b"0", b"1"]

    over_tcp(main())


def test_numbers_are_remembered_and_restored() -> None:
    numbers: dict[bytes, int] = {}

    def remember(command: RememberNumber) -> None:
        numbers[command.session_id] = command.number

    async def main() -> None:
        async with two(remember=remember) as (here, there, where):
            there.spawner("spawner", "explicit-persistent-one-sided", handler=echo)
            route, kind = f"tcp://{where}/spawner", "explicit-persistent-one-sided"
            async with here.session(route, kind, session_id=b"s" * 16) as session:
                assert session.generation == 1
            assert numbers == {b"s" * 16: 1}
            async with here.session(route, kind, session_id=b"s" * 16, remembered=1) as session:
                assert session.generation == 2
            assert numbers == {b"s" * 16: 2}

    over_tcp(main())


def test_leaving_notifies_peers_and_stops_coroutines() -> None:
    async def main() -> None:
        cancelled = asyncio.Event()

        async def forever(message: Message, context: Context) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        async with TcpNode() as there:
            there.spawner("spawner", handler=echo)
            where = await there.listen()
            async with TcpNode() as here:
                here.worker("forever", forever)
                here.send((local("forever"),), b"x")
                session = here.session(f"tcp://{where}/spawner")
                await session.open()
                await until(lambda: [one.state for one in there.responders("spawner")] == [State.ESTABLISHED])
            assert cancelled.is_set()
            assert session.reason == "stopped"
            await until(lambda: there.responders("spawner") == ())

    over_tcp(main())


# Observers ------------------------------------------------------------------------------------------------------------


def test_metrics_count_states_generations_retries_and_dead_letters() -> None:
    metrics = Metrics()

    async def main() -> None:
        async with two(observers=[metrics]) as (here, there, where):
            kind = "explicit-persistent-one-sided"
            there.spawner("spawner", kind, handler=echo)
            async with here.session(f"tcp://{where}/spawner", kind, durations=QUICK) as session:
                await session.renegotiate()
                here.send((), b"secret")
                text = metrics.exposition()
        assert 'ockam_workers{machine="explicit-persistent-one-sided initiator",state="ESTABLISHED"} 1' in text
        assert "ockam_generation 2" in text
        assert "ockam_negotiations_total 2" in text
        assert 'ockam_dead_letters_total{reason="empty onward route"} 1' in text
        assert "secret" not in text

    over_tcp(main())
    assert 'state="ESTABLISHED"} 0' in metrics.exposition()
    assert all(f"# HELP {name} " in metrics.exposition() for name in HELP)


def test_metrics_count_retries_and_failures() -> None:
    metrics, worker = Metrics(), local("w")
    metrics.observe(AttemptStarted(worker, 1, 1))
    metrics.observe(AttemptStarted(worker, 2, 2))
    metrics.observe(WorkerFailed(worker, ValueError()))
    metrics.observe(NotifyOwner(worker, TimedOut("x")))
    metrics.observe(Letter('a "reason"\n', b""))
    text = metrics.exposition()
    assert "ockam_retries_total 1\n" in text
    assert "ockam_handler_failures_total 1\n" in text
    assert r'reason="a \"reason\"\n"' in text


OBSERVATIONS: list[tuple[Observation, int, dict[str, object]]] = [
    (StateChanged(local("w"), "m", "A", "B", 3), logging.INFO, {"machine": "m", "after": "B", "generation": 3}),
    (AttemptStarted(local("w"), 3, 2), logging.INFO, {"attempt": 2, "generation": 3}),
    (WorkerFailed(local("w"), ValueError("x")), logging.WARNING, {"error": "ValueError('x')"}),
    (Letter("why", b"secret", local("w"), "detail"), logging.DEBUG, {"reason": "why", "detail": "detail"}),
    (NotifyOwner(local("w"), TimedOut("because")), logging.INFO, {"reason": "because"}),
]


@pytest.mark.parametrize(("observation", "level", "facts"), OBSERVATIONS)
def test_logs_are_structured(
    observation: Observation, level: int, facts: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    LogObserver().observe(observation)
    (record,) = caplog.records
    assert record.levelno == level
    assert vars(record).items() >= (facts | {"worker": "w", "kind": type(observation).__name__}).items()
    assert "secret" not in described(observation)[0]
    caplog.set_level(logging.CRITICAL)
    LogObserver().observe(observation)
    assert len(caplog.records) == 1

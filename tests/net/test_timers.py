"""The timers of an edge, with an event loop whose clock the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ockam_fsm.net.timers import SWEEP_AT, Timers
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node.commands import WorkerTimer


class Loop:
    """The part of an event loop that timers use."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Handle]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        self.calls.append((when, handle))
        return handle

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for when, handle in sorted(self.calls, key=lambda call: call[0]):
            if when <= self.now and handle.callback is not None:
                callback, handle.callback = handle.callback, None
                callback()
        self.calls = [call for call in self.calls if call[1].callback is not None]


class Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


def timer(name: str | int) -> WorkerTimer:
    return WorkerTimer(local("w"), name)


def made() -> tuple[Loop, Timers, list[list[object]]]:
    loop, fired = Loop(), list[list[object]]()
    as_loop: Any = loop
    timers = Timers(as_loop, lambda due: fired.append([one.timer for one in due]))
    return loop, timers, fired


def test_timers_fire_once_in_order_and_never_early() -> None:
    loop, timers, fired = made()
    timers.set(timer("b"), 2.0)
    timers.set(timer("a"), 1.0)
    loop.advance(0.9)
    assert fired == []
    loop.advance(1.2)
    loop.advance(10.0)
    assert fired == [["a", "b"]]
    assert len(timers) == 0


def test_a_timer_set_while_others_fire_delays_no_other() -> None:
    """A session times out and starts its retention timer: another session's timer, due before that, is not late."""
    loop, fired = Loop(), list[list[object]]()
    as_loop: Any = loop

    def due(found: list[WorkerTimer]) -> None:
        fired.append([one.timer for one in found])
        if found == [timer("first")]:
            timers.set(timer("set meanwhile"), 60.0)

    timers = Timers(as_loop, due)
    timers.set(timer("first"), 1.0)
    timers.set(timer("second"), 1.5)
    loop.advance(1.0)
    loop.advance(0.5)
    assert fired == [["first"], ["second"]]
    loop.advance(60.0)
    assert fired[2:] == [["set meanwhile"]]


def test_a_timer_set_again_fires_at_the_new_time() -> None:
    loop, timers, fired = made()
    timers.set(timer("later"), 1.0)
    timers.set(timer("later"), 3.0)
    timers.set(timer("earlier"), 9.0)
    timers.set(timer("earlier"), 2.0)
    loop.advance(1.5)
    assert fired == []
    loop.advance(1.0)
    assert fired == [["earlier"]]
    loop.advance(1.0)
    loop.advance(20.0)
    assert fired == [["earlier"], ["later"]]


def test_a_cancelled_timer_does_not_fire_and_its_place_is_removed() -> None:
    loop, timers, fired = made()
    for number in range(3 * SWEEP_AT):
        timers.set(timer(number), 5.0)
        timers.cancel(timer(number))
    timers.cancel(timer("never set"))
    assert len(timers._heap) <= SWEEP_AT + 1
    loop.advance(10.0)
    assert fired == []


def test_a_timer_may_be_set_while_timers_fire() -> None:
    loop, fired = Loop(), list[object]()
    as_loop: Any = loop

    def due(timers_due: list[WorkerTimer]) -> None:
        for one in timers_due:
            fired.append(one.timer)
            if len(fired) < 3:
                timers.set(one, 1.0)

    timers = Timers(as_loop, due)
    timers.set(timer("again"), 1.0)
    for _ in range(5):
        loop.advance(1.0)
    assert fired == ["again"] * 3


def test_after_stop_nothing_fires_and_nothing_is_set() -> None:
    loop, timers, fired = made()
    timers.set(timer("a"), 1.0)
    timers.stop()
    timers.set(timer("b"), 1.0)
    loop.advance(5.0)
    assert fired == []
    assert len(timers) == 0


def test_a_real_loop_fires_them() -> None:
    async def main() -> None:
        fired: asyncio.Future[list[WorkerTimer]] = asyncio.get_running_loop().create_future()
        timers = Timers(asyncio.get_running_loop(), fired.set_result)
        timers.set(timer("a"), 0.001)
        assert await asyncio.wait_for(fired, 10.0) == [timer("a")]

    asyncio.run(main())

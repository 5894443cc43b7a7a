"""The timers of a node over a real clock: one heap, and one handle of the event loop for the earliest timer.

Theory: nearly every timer is set again long before it is due (idle timers at every message). A timer that moves to a
later time keeps its place in the heap and is examined again at the old time; so a message costs one assignment, not a
`call_later`.

Rule 1: a timer fires once, never early. It may fire late; the node allows for that.
Rule 2: timers due together fire in the order of their times, in one call of `due`.
Rule 3: memory is bounded by the number of armed timers: cancelled places are removed from the heap when they are the
        majority.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from ockam_fsm.runtime.node.commands import WorkerTimer

SWEEP_AT = 1000


class _Place:
    """The place of a timer in the heap (`queued`) and the time when it is due; `timer` None: cancelled."""

    __slots__ = ("due", "queued", "timer")

    def __init__(self, timer: WorkerTimer, due: float) -> None:
        self.timer: WorkerTimer | None = timer
        self.due = self.queued = due

    def __lt__(self, other: _Place) -> bool:
        return self.queued < other.queued


class Timers:
    """The timers of one node. `due` receives the timers that fire."""

    def __init__(self, loop: AbstractEventLoop, due: Callable[[list[WorkerTimer]], None]) -> None:
        self._loop = loop
        self._due = due
        self._places: dict[WorkerTimer, _Place] = {}
        self._heap: list[_Place] = []
        self._handle: TimerHandle | None = None
        self._wakes_at = 0.0
        self._stopped = False

    def __len__(self) -> int:
        return len(self._places)

    def set(self, timer: WorkerTimer, after_seconds: float) -> None:
        if self._stopped:
            return
        due = self._loop.time() + after_seconds
        place = self._places.get(timer)
        if place is not None and due >= place.queued:
            place.due = due
            return
        if place is not None:
            place.timer = None
        place = self._places[timer] = _Place(timer, due)
        heappush(self._heap, place)
        if self._handle is None or due < self._wakes_at:
            self._wake_at(due)

    def cancel(self, timer: WorkerTimer) -> None:
        place = self._places.pop(timer, None)
        if place is not None:
            place.timer = None
            if len(self._heap) > SWEEP_AT + 2 * len(self._places):
                self._heap = [place for place in self._heap if place.timer is not None]
                heapify(self._heap)

    def stop(self) -> None:
        """Cancel every timer; from now on `set` does nothing."""
        self._stopped = True
        self._places.clear()
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wake_at(self, time: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(time, self._wake)
        self._wakes_at = time

    def _wake(self) -> None:
        self._handle = None
        now = self._loop.time()
        heap, due = self._heap, []
        # An event loop may call early by the resolution of its clock; then nothing is due, and a new call is scheduled.
        while heap and heap[0].queued <= now:
            place = heappop(heap)
            if place.timer is None:
                continue
            if place.due > now:
                place.queued = place.due
                heappush(heap, place)
                continue
            del self._places[place.timer]
            due.append(place.timer)
        if heap:  # before `due`, which may set timers that are later than this one
            self._wake_at(heap[0].queued)
        if due:
            self._due(due)

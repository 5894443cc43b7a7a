"""Small actors for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ockam_fsm.checking.actors import Event, Outbox


@dataclass(frozen=True)
class Scripted:
    """An actor made of two functions."""

    name: str
    react: Callable[[Any, Event, Outbox], Hashable]
    begin: Callable[[Outbox], Hashable] = lambda out: 0

    def start(self, out: Outbox) -> Hashable:
        return self.begin(out)

    def handle(self, state: Any, event: Event, out: Outbox) -> Hashable:
        return self.react(state, event, out)


def idle(state: Hashable, event: Event, out: Outbox) -> Hashable:
    return state


def collect(state: tuple[Event, ...], event: Event, out: Outbox) -> Hashable:
    """Collect the events, in order."""
    return (*state, event)


def nothing_yet(out: Outbox) -> Hashable:
    return ()


def sends(*payloads: Hashable, to: str = "b") -> Callable[[Outbox], Hashable]:
    """Send these payloads at the start."""

    def begin(out: Outbox) -> Hashable:
        for payload in payloads:
            out.send(to, payload)
        return 0

    return begin

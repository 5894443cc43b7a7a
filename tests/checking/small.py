"""Small worlds with a purpose, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from ockam_fsm.checking.actors import Event, Outbox


@dataclass(frozen=True)
class Scripted:
    """An actor from two functions."""

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
    """Remembers the events, in order."""
    return (*state, event)


def nothing_yet(out: Outbox) -> Hashable:
    return ()


def sends(*payloads: Hashable, to: str = "b") -> Callable[[Outbox], Hashable]:
    """Sends these at the start."""

    def begin(out: Outbox) -> Hashable:
        for payload in payloads:
            out.send(to, payload)
        return 0

    return begin

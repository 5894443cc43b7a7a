"""The ends of sessions among the actors of a world: their table, their sessions, and the rows that a step takes.

Theory: an end runs the real `Session`, whose driver decides by the table. To see a decision, the handler is called once
more with the same arguments and a driver that records (`with_recording_driver`). A handler depends on its arguments
alone, so the decisions are those of the step that was explored.

Rule 1: the table decides here as everywhere: `situation` asks `Machine.resolve` for each event.
Left out: actors that are no ends of sessions (nodes, streams, pipes, layers). They are shown without a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from ockam_fsm.checking.actors import Actor, Event
from ockam_fsm.checking.engine.handler_cache import Local, handled
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.sessions.open_environment import Alone
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import End, InitiatorActor, ResponderActor
from ockam_fsm.conformance.reference.instrumentation import Fired, WatchedConfig, with_recording_driver
from ockam_fsm.machines.session import SessionMachine
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Session, Snapshot

Detail: TypeAlias = tuple[str, str]
"""One fact about an actor: its name and its value, as texts."""

LONGEST = 160
"""The most characters of a value that has no label of its own."""


class _Recording:
    """Makes sessions with recording drivers, in place of `make`."""

    def __init__(self, make: Callable[..., Session]) -> None:
        self.make = make
        self.configs: list[WatchedConfig] = []

    def __call__(self, settings: SessionConfig, *rest: Any, **more: Any) -> Session:
        self.configs.append(with_recording_driver(settings))
        return self.make(self.configs[-1], *rest, **more)

    def taken(self) -> tuple[Fired, ...]:
        """The decisions since the last call, of all sessions."""
        found = tuple(fired for config in self.configs for fired in config.driver.fired)
        self.configs.clear()
        return found


@dataclass(frozen=True)
class SessionEnd:
    """An actor that is one end of a session, or the host of several."""

    actor: InitiatorActor | ResponderActor | Alone
    role: Role

    @property
    def config(self) -> PairConfig:
        return self.actor.config

    @cached_property
    def settings(self) -> SessionConfig:
        return self.config.settings(self.role)

    @property
    def machine(self) -> SessionMachine:
        return self.settings.machine

    @cached_property
    def _recording(self) -> _Recording:
        return _Recording(self.config.make)

    @cached_property
    def _watched(self) -> Actor:
        config = replace(self.config, make=self._recording)
        if isinstance(self.actor, Alone):
            return replace(self.actor, end=replace(self.actor.end, config=config))
        return replace(self.actor, config=config)

    def decisions(self, local: Local, event: Event) -> tuple[Fired, ...]:
        """The decisions of the table when this event happens in this local state, in order."""
        handled(self._watched, local, event)
        return self._recording.taken()

    def situation(self, image: Snapshot) -> tuple[int, ...]:
        """For each event of the table, which of its decisions applies in this session now, by number."""
        counters = {counter.name: getattr(image, counter.name) for counter in self.machine.counters}
        return tuple(
            self.number_of[self.machine.resolve(image.state, event, counters, self.settings.limits)]
            for event in self.machine.events
        )

    @cached_property
    def number_of(self) -> dict[Any, int]:
        """The number of each decision of the table, as in its JSON (`projections/portable.py`)."""
        return {decision: number for number, decision in enumerate(self.machine.decisions())}


def session_end(actor: Actor) -> SessionEnd | None:
    """The end of a session that this actor is; None if it is none."""
    match actor:
        case Alone():
            return SessionEnd(actor, actor.role)
        case InitiatorActor():
            return SessionEnd(actor, Role.INITIATOR)
        case ResponderActor():
            return SessionEnd(actor, Role.RESPONDER)
    return None


# What is shown of a state ---------------------------------------------------------------------------------------------


def details(state: Any) -> Iterator[Detail]:
    """The facts about the state of an actor, for people to compare."""
    if isinstance(state, End):
        yield from _of_end(state)
    elif isinstance(state, tuple) and hasattr(state, "_fields"):
        yield from ((name, short(getattr(state, name))) for name in state._fields)
    else:
        yield "state", short(state)


def _of_end(end: End) -> Iterator[Detail]:
    several = len(end.sessions) > 1
    for number, (_, image) in enumerate(end.sessions, start=1):
        prefix = f"session {number}: " if several else ""
        yield from ((prefix + name, value) for name, value in _of_session(image))
    if not end.sessions:
        yield "state", "no session"
    yield "restarts", str(end.incarnation)
    yield "messages accepted", str(end.accepted)
    yield "remembered", ", ".join(f"number {n}{' with state' * kept}" for _, n, kept in end.memory) or "nothing"


def _of_session(image: Snapshot) -> Iterator[Detail]:
    yield "state", image.state.name
    yield "attempt", _generation(image.attempt)
    yield "current generation", _generation(image.current)
    yield "largest number seen", str(image.seen[0])
    for counter in ("attempts", "held", "misses", "usable", "confirmed", "resting"):
        yield counter, str(getattr(image, counter))
    yield "held messages", ", ".join(_payload(outgoing.payload) for outgoing, _ in image.waiting) or "none"
    yield "requests", ", ".join(f"{spoken(one.identifier)} {one.state.name}" for one in image.requests) or "none"
    yield "has the session's state", "yes" if image.has_state else "no"
    yield "initialization route", "known" if image.initialization_route else "none"
    yield "reason", image.reason or "none"


def _generation(link: Link | None) -> str:
    return "none" if link is None else str(link.generation)


def _payload(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")


def short(value: Any) -> str:
    """The label of a value, cut if it has none of its own and is long."""
    text = spoken(value) or canonical(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"

"""Known-bad layers: each breaks one rule, as a first implementation might. The checks must reject every one.

Source: spec/sessions.md sections 9 and 11, which give the consequence of breaking each rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from ockam_fsm.checking.known_bad import Checker, KnownBad
from ockam_fsm.checking.layers.setup import CLOSE_BELOW, LayersSetup
from ockam_fsm.checking.layers.worlds import ABOVE_PERSISTENT, BELOW_PERSISTENT, LOSSLESS, layers_world
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.node.commands import Observation, StateChanged
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.causes import Cause, Inbound
from ockam_fsm.runtime.session.commands import Command, Deliver
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.session_step import OPEN


class IgnoresEndBelow(Session):
    """A session above that ignores the end of the session below."""

    __slots__ = ()

    def lower_layer_lost(self, detail: str = "") -> list[Command]:
        return []


class TracesTheConnection(Session):
    """A session below that delivers with the full return route of the message in place of its own outer address."""

    __slots__ = ()

    def _deliver(self, cause: Cause) -> None:
        super()._deliver(cause)
        assert self._commands
        last = self._commands[-1]
        if isinstance(last, Deliver) and isinstance(cause, Inbound):
            back = (*cause.message.return_route, *last.return_route[1:])
            self._commands[-1] = Deliver(last.payload, last.onward_route, back)


class ReportsEveryFailure(Node):
    """Reports each failure of a session below to the session above, even if the one below survives it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_observer(_FailureReporter(self))


class _FailureReporter:
    def __init__(self, node: Node) -> None:
        self.node = node

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, StateChanged) and observation.after == State.TIMED_OUT.name:
            worker = self.node.router.residents.get(observation.worker)
            if isinstance(worker, SessionWorker):
                self.node.router.lose(worker.dependents or {}, "the session below has failed")


def _bad(name: str, because: str, property: str, setup: LayersSetup, **options: Any) -> KnownBad:
    orders = (OPEN,) if setup.recreated else (OPEN, CLOSE_BELOW)
    world = replace(layers_world(name, setup, (), orders, **options), name=name)
    return KnownBad(name, because, property, world, {Checker.TLC: "no model has a session over a session"})


def _above(setup: LayersSetup, make: Callable[..., Session]) -> LayersSetup:
    return replace(setup, above=replace(setup.above, make=make))


def _below(setup: LayersSetup, make: Callable[..., Session]) -> LayersSetup:
    return replace(setup, below=replace(setup.below, make=make))


def _patient(setup: LayersSetup) -> LayersSetup:
    """Return the setup with as many generations above as its budget allows."""
    return replace(setup, above=replace(setup.above, generations=3))


@cache
def wrong_layers() -> tuple[KnownBad, ...]:
    """Return the known-bad layers. Each world has the name of its machine."""
    return (
        _bad(
            "untold-end-below", "a session would stay established over one that has ended", "S38",
            _above(BELOW_PERSISTENT, IgnoresEndBelow),
        ),
        _bad(
            "every-failure-told", "a persistent session below would hide no failure from a transient one above", "S40",
            replace(BELOW_PERSISTENT, node=ReportsEveryFailure),
        ),
        _bad(
            "traces-the-connection", "replies would bypass the session below, and be lost with its connection",
            "S39", _below(BELOW_PERSISTENT, TracesTheConnection),
        ),
        _bad(
            "untold-failure-below", "messages above would be sent over a new session below, without a new negotiation",
            "S38", _above(ABOVE_PERSISTENT, IgnoresEndBelow),
        ),
        _bad(
            "made-once", "a persistent session could not renegotiate, because the session below has ended", "R9",
            _patient(replace(ABOVE_PERSISTENT, recreated=False)), losers=(), network=LOSSLESS,
        ),
    )  # fmt: skip

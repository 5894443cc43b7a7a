"""Layers as most people would put them together first. The checks must reject each.

Source: spec/sessions.md section 9 and section 11, where each rule says what becomes of those who leave it out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from ockam_fsm.checking.layers.setup import CLOSE_BELOW, LayersSetup
from ockam_fsm.checking.layers.worlds import ABOVE_PERSISTENT, BELOW_PERSISTENT, LOSSLESS, layers_world
from ockam_fsm.checking.sessions.known_bad import KnownBad
from ockam_fsm.checking.sessions.session_actors import OPEN
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.node.commands import Observation, StateChanged
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.commands import Command, Deliver
from ockam_fsm.runtime.session.effects import Cause, Inbound
from ockam_fsm.runtime.session.session import Session


class Untold(Session):
    """The session above is not told that the one below has ended."""

    __slots__ = ()

    def lower_layer_lost(self, detail: str = "") -> list[Command]:
        return []


class TracesTheConnection(Session):
    """A session below that names the way on which a message came, in the place of its own outer address."""

    __slots__ = ()

    def deliver(self, cause: Cause) -> None:
        super().deliver(cause)
        assert self.commands
        last = self.commands[-1]
        if isinstance(last, Deliver) and isinstance(cause, Inbound):
            back = (*cause.message.return_route, *last.return_route[1:])
            self.commands[-1] = Deliver(last.payload, last.onward_route, back)


class TellsEveryFailure(Node):
    """A failure below is told above, whether the session below survives it or not."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_observer(_Tells(self))


class _Tells:
    def __init__(self, node: Node) -> None:
        self.node = node

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, StateChanged) and observation.after == State.TIMED_OUT.name:
            worker = self.node.router.residents.get(observation.worker)
            if isinstance(worker, SessionWorker):
                self.node.router.lose(worker.dependents or {}, "the session below has failed")


def _bad(name: str, because: str, property: str, setup: LayersSetup, **options: Any) -> KnownBad:
    orders = (OPEN,) if setup.recreated else (OPEN, CLOSE_BELOW)
    return KnownBad(name, because, property, replace(layers_world(name, setup, (), orders, **options), name=name))


def _above(setup: LayersSetup, make: Callable[..., Session]) -> LayersSetup:
    return replace(setup, above=replace(setup.above, make=make))


def _below(setup: LayersSetup, make: Callable[..., Session]) -> LayersSetup:
    return replace(setup, below=replace(setup.below, make=make))


def _patient(setup: LayersSetup) -> LayersSetup:
    """With as many generations above as its budget can take."""
    return replace(setup, above=replace(setup.above, generations=3))


@cache
def wrong_layers() -> tuple[KnownBad, ...]:
    """The wrong layers, each world named after its machine."""
    return (
        _bad(
            "untold-end-below", "a session would be established for ever over one that is gone", "S38",
            _above(BELOW_PERSISTENT, Untold),
        ),
        _bad(
            "every-failure-told", "a persistent session below would hide nothing from a transient one above", "S40",
            replace(BELOW_PERSISTENT, node=TellsEveryFailure),
        ),
        _bad(
            "traces-the-connection", "what is sent back would go past the session below, and end with its connection",
            "S39", _below(BELOW_PERSISTENT, TracesTheConnection),
        ),
        _bad(
            "untold-failure-below", "what is sent above would go to a session that never heard of it", "S38",
            _above(ABOVE_PERSISTENT, Untold),
        ),
        _bad(
            "made-once", "a persistent session would ask in vain through a session that is gone", "R9",
            _patient(replace(ABOVE_PERSISTENT, recreated=False)), losers=(), network=LOSSLESS,
        ),
    )  # fmt: skip

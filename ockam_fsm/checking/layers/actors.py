"""The two nodes of a world of layers as actors.

Rule 1: a requested connection is established in the same step. Frames on it travel as the network of the world
        determines: they may be lost, as behind a proxy or on a bad link.
Rule 2: the fault `connection-lost` is reported to one end only. The other end continues over a dead connection.
Rule 3: a connection's timer without delay fires in the same step. A session's timer does not.
Left out: refused connections, and nodes that restart (node_world.py, checking/sessions).
Source: spec/sessions.md section 11.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.layers.images import LayeredNode, LayersEnd, number_of, via
from ockam_fsm.checking.layers.inputs import InputRecorder
from ockam_fsm.checking.layers.setup import (
    ABOVE,
    BELOW,
    BOTH,
    OUTER_ABOVE,
    OUTER_BELOW,
    Frame,
    LayersSetup,
    LayerTimer,
)
from ockam_fsm.checking.sessions.session_actors import INITIATOR
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Creation
from ockam_fsm.runtime.node.commands import Connect, NodeCommand, Transmit, WorkerTimer
from ockam_fsm.runtime.node.router import ROUTER
from ockam_fsm.runtime.session.commands import Timer


@dataclass(frozen=True)
class LayersActor:
    """A node with two layers of sessions."""

    setup: LayersSetup
    name: str

    @property
    def peer(self) -> str:
        return BOTH[1 - BOTH.index(self.name)]

    def start(self, out: Outbox) -> LayersEnd:
        run = NodeRun(self, LayersEnd(), out)
        if self.name == INITIATOR:
            for layer in (BELOW, ABOVE):
                run.layered.start(layer, self.setup.session_id(layer))
            if self.setup.below.session_type.creation is Creation.EXPLICIT:
                run.node.open(OUTER_BELOW)
        return run.end()

    def handle(self, end: LayersEnd, event: Event, out: Outbox) -> LayersEnd:
        run = NodeRun(self, end, out)
        run.take(event)
        return run.end()


class NodeRun:
    """The handling of one event of a node."""

    def __init__(self, actor: LayersActor, end: LayersEnd, out: Outbox) -> None:
        self.actor, self.before, self.out = actor, end, out
        self.layered = LayeredNode(actor.setup, actor.name, end, InputRecorder(out.record))
        self.node = self.layered.node

    def take(self, event: Event) -> None:
        match event:
            case Deliver(payload=Frame() as frame):
                self._arrived(frame)
            case Fire(timer=LayerTimer(worker, timer)):
                self.node.fire(WorkerTimer(worker, timer))
            case Order(order):
                self._ordered(order)
            case Fault() if self.before.live:
                self.node.connection_lost(via(self.before.live[-1]), "reset")
            case _:
                raise Disabled

    def _arrived(self, frame: Frame) -> None:
        """Receive a frame; ignore it if its connection was lost at this end."""
        if frame.connection > self.before.drawn and self.actor.name != INITIATOR:
            self.layered.accept(frame.connection)
        elif frame.connection not in self.before.live:
            return
        self.node.receive(frame.message, via(frame.connection))

    def _ordered(self, order: Hashable) -> None:
        try:
            match order:
                case "open":
                    self.node.open(OUTER_ABOVE)
                case "send":
                    self.node.send(OUTER_ABOVE, b"m")
                case "close":
                    self.node.close(OUTER_ABOVE)
                case _:
                    self.node.close(OUTER_BELOW)
        except LocalSessionError:
            raise Disabled from None

    def end(self) -> LayersEnd:
        while commands := self.node.run():
            for command in commands:
                self._perform(command)
        image = self.layered.image()
        if sum(image.spawned) > sum(self.actor.setup.config(layer).spawns for layer in (BELOW, ABOVE)):
            raise BoundReached("spawns")
        if self.actor.name == INITIATOR and image.connections > self.actor.setup.connections:
            raise BoundReached("connections")
        return image

    def _perform(self, command: NodeCommand) -> None:
        match command:
            case Connect(asked):
                self.node.connected(asked)
            case Transmit(over, message):
                self.out.send(self.actor.peer, Frame(number_of(over), message))
            case SetTimer(timer) if number_of(timer.worker):
                if timer.timer is Timer.BACK_OFF:
                    self.node.fire(timer)
            case SetTimer(WorkerTimer(worker, timer)) if worker != ROUTER:
                self.out.set_timer(LayerTimer(worker, timer))
            case CancelTimer(WorkerTimer(worker, timer)) if worker != ROUTER and not number_of(worker):
                self.out.cancel_timer(LayerTimer(worker, timer))

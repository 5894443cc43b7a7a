"""The reference node as a target of the kit, with the features that a session alone lacks: carriers, own addresses.

Theory: the kit's one hop is a connection here. A node opens one for its hellos and has accepted one from its peer, so
there may be two; a peer sends to an address over the connection over which it received the address.

Rule 1: commands of the node are carried out at once: a connection is open as soon as it is requested, and stays open.
"""

from __future__ import annotations

from collections.abc import Sequence

from ockam_fsm.conformance.reference.reference_end import Clock, MakeSession
from ockam_fsm.conformance.target import (
    BEYOND,
    CONTACT,
    HOP,
    HOST,
    OUR_CARRIER,
    OUTER,
    SESSION_ID,
    EndpointUnderTest,
    Feature,
    Order,
    Ordered,
    Output,
)
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import Connect, Letter, NodeCommand, NotifyOwner, Observation, Transmit
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session import commands as core
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.runtime.session.link import inner_of_reply
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session

APPLICATION = local("application")


class ReferenceNode:
    """One end in its own node. `make`: the constructor of its sessions."""

    features = frozenset(Feature)

    def __init__(self, endpoint: EndpointUnderTest, make: MakeSession = Session) -> None:
        self.endpoint = endpoint
        self.clock = Clock()
        self.outputs: list[Output] = []
        self.node = Node(SystemEntropy(), connections=ConnectionConfig(idle_seconds=None), make=make)
        self.node.add_observer(self)
        self.node.start_worker(APPLICATION, handler=self._delivered)
        self.node.start_worker(BEYOND, handler=self._forwarded, access=Access.PUBLIC)
        self.own = self.node.accepted()
        """The connection for addresses that were in no return route: in profile `ockam` they are in payloads."""
        self.other = self.node.accepted()
        self.told_over: dict[Address, Address] = {}
        """The connection over which the node first sent each of its addresses, in a return route."""
        self._begin()
        self._perform()

    def _begin(self) -> None:
        declared, settings = self.endpoint, self.endpoint.settings
        if declared.role is Role.RESPONDER:
            memory = {SESSION_ID: (declared.remembered, declared.has_state)}
            self.node.start_host(
                HOST, settings, application=APPLICATION, capacity=declared.capacity,
                durable=lambda session_id: memory.get(session_id, (0, False)),
            )  # fmt: skip
            return
        self.node.start_session(
            settings, declared.initialization_route, outer=OUTER, application=APPLICATION,
            contact=CONTACT if declared.two_sided else None, own_route=declared.own_route,
            session_id=declared.session_id, remembered=declared.remembered, has_state=declared.has_state,
        )  # fmt: skip

    # The interface of a target ----------------------------------------------------------------------------------------

    def deliver(self, message: Message, carrier: str) -> None:
        back = message.return_route[1:] if message.return_route[:1] == (HOP,) else message.return_route
        first = message.onward_route[0]
        known = self.told_over.get(first) or self.told_over.get(inner_of_reply(first)) or self.own
        via = known if carrier == OUR_CARRIER else self.other
        self.node.receive(Message(message.onward_route, back, message.payload, message.tracing_context), via)
        self._perform()

    def advance(self, seconds: float) -> None:
        for timer in self.clock.passing(seconds):
            self.node.fire(timer)
            self._perform()

    def order(self, order: Order) -> None:
        over = self.endpoint.role is Role.INITIATOR and OUTER not in self.node.router.residents
        if not over or order.what not in (Ordered.CLOSE, Ordered.STOP, Ordered.LOWER_LAYER_LOST):
            self._ordered(order)
        self._perform()

    def take_outputs(self) -> Sequence[Output]:
        outputs, self.outputs = self.outputs, []
        return outputs

    # The application --------------------------------------------------------------------------------------------------

    def _outer(self) -> Address:
        if self.endpoint.role is Role.INITIATOR:
            return OUTER
        responders = self.node.host(HOST).responders
        if not responders:
            raise LocalSessionError("there is no responder yet; wait for a hello")
        return list(responders.values())[-1].outer

    def _ordered(self, order: Order) -> None:
        node, outer = self.node, self._outer()
        if order.what is Ordered.REQUEST:
            node.request(outer, order.request, order.payload, order.onward_route, reissue=order.reissue,
                         tracing_context=order.tracing_context)  # fmt: skip
        elif order.what is Ordered.SEND:
            node.send(outer, order.payload, order.onward_route, tracing_context=order.tracing_context)
        elif order.what is Ordered.WITHDRAW:
            node.withdraw_request(outer, order.request)
        elif order.what is Ordered.LOWER_LAYER_LOST:
            worker = node.router.residents[outer]
            assert isinstance(worker, SessionWorker)
            worker.lower_layer_lost()
        else:
            plain = {
                Ordered.OPEN: node.open,
                Ordered.RENEGOTIATE: node.renegotiate,
                Ordered.CLOSE: node.close,
                Ordered.STOP: node.stop,
            }
            plain[order.what](outer)

    def _delivered(self, message: Message, context: Context) -> None:
        self.outputs.append(core.Deliver(message.payload, (), self._as_said(message.return_route)))

    def _forwarded(self, message: Message, context: Context) -> None:
        """The handler of the worker `BEYOND`, to which the kit's data may be addressed."""
        self.outputs.append(core.Deliver(message.payload, (BEYOND,), self._as_said(message.return_route)))

    def _as_said(self, route: Route) -> Route:
        """A route with `HOP` in place of the node's own address of a connection."""
        return (HOP, *route[1:]) if route[:1] in ((self.own,), (self.other,)) else route

    def observe(self, observation: Observation) -> None:
        """Report dead letters of the application. Those of the peer's messages are not judged."""
        if isinstance(observation, Letter) and isinstance(observation.message, Outgoing):
            self.outputs.append(core.DeadLetter(observation.reason, observation.message))

    # The edge ---------------------------------------------------------------------------------------------------------

    def _perform(self) -> None:
        while asked := self.node.run():
            for command in asked:
                self._carry_out(command)

    def _carry_out(self, command: NodeCommand) -> None:
        match command:
            case Transmit(via, message):
                self._told(via, message)
                onward = (HOP, *message.onward_route)
                sent = Message(onward, message.return_route, message.payload, message.tracing_context)
                self.outputs.append(core.Send(sent))
            case SetTimer(timer, after_seconds):
                self.clock.start(timer, after_seconds)
            case CancelTimer(timer):
                self.clock.stop(timer)
            case Connect(via, _):
                if self.endpoint.profile is OCKAM:
                    self.own = via
                self.node.connected(via)
            case NotifyOwner(_, notice):
                self.outputs.append(core.Notify(notice))

    def _told(self, via: Address, message: Message) -> None:
        for address in message.return_route[:1]:
            self.told_over.setdefault(address, via)


def our_node(endpoint: EndpointUnderTest) -> ReferenceNode:
    """The reference implementation as a target, with a whole node."""
    return ReferenceNode(endpoint)

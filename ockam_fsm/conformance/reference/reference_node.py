"""Our whole node behind the kit's interface: what a session alone does not know, carriers and own addresses, is judged.

Theory: the kit's one hop is a connection here. A node opens one for its hellos and has accepted one from its peer, so
there may be two; a peer speaks to an address over the one over which that address was told.

Rule 1: what the node asks of its edge is done at once: connections stand as soon as they are wanted, and stay.
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
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import (
    CancelTimer,
    Connect,
    Letter,
    NodeCommand,
    Notify,
    Observation,
    SetTimer,
    Transmit,
)
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
    """One end in a node of its own. `make` makes its sessions."""

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
        """The connection of an address that was told over none: in profile `ockam` payloads tell them."""
        self.other = self.node.accepted()
        self.told_over: dict[Address, Address] = {}
        """Over which connection each of the node's addresses was told."""
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

    # What a target offers ---------------------------------------------------------------------------------------------

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
            raise LocalSessionError("there is no responder: wait for a hello")
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
        """What goes on behind the session, to whom the kit's data may name."""
        self.outputs.append(core.Deliver(message.payload, (BEYOND,), self._as_said(message.return_route)))

    def _as_said(self, route: Route) -> Route:
        """A node has names of its own for its connections; the kit knows one hop."""
        return (HOP, *route[1:]) if route[:1] in ((self.own,), (self.other,)) else route

    def observe(self, observation: Observation) -> None:
        """Dead letters of the application; what the peer has sent is not the kit's business."""
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
            case Notify(_, notice):
                self.outputs.append(core.Notify(notice))

    def _told(self, via: Address, message: Message) -> None:
        for address in message.return_route[:1]:
            self.told_over.setdefault(address, via)


def our_node(endpoint: EndpointUnderTest) -> ReferenceNode:
    """Our own implementation, the whole node, as a target."""
    return ReferenceNode(endpoint)

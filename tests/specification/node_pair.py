"""Two real nodes that execute a path through a table world, step by step.

Rule 1: the nodes are complete: router, connections, host, session workers, bytes. No code of the checker runs here.
Rule 2: the path determines time and network: when a timer fires, and how often and how late a message arrives.
Rule 3: another message arrives over each connection before a timer fires. Otherwise a node would give up the connection
        when a hello is not answered (clause 3.11), and the table world has no connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple, TypeAlias

from ockam_fsm.checking.actors import Deliver, Fire, Order
from ockam_fsm.checking.actors import Event as WorldEvent
from ockam_fsm.checking.sessions.pair_config import SESSION_ID, PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, DerivedEntropy, End, Packet
from ockam_fsm.machines.vocabulary import Effect, Event, Role
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import Connect, NodeCommand, Transmit, WorkerTimer
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, SEND
from ockam_fsm.simulation.network import SeededEntropy, tcp
from ockam_fsm.specification.table_world import TIMERS, Symbol, TableEnd
from tests.specification.table_abstraction import symbol, table_end, table_timers

ERROR_TAG = b"\x08"
HOST, OUTER, CONTACT = local("host"), local("outer"), local("contact")
_NAMED = {TIMERS[Effect[f"START_{timer.name}"]]: timer for timer in Timer}


Standing: TypeAlias = tuple[TableEnd, frozenset[Event]]
"""An end and its armed timers."""


class Moment(NamedTuple):
    """A step of a case: the event, its end, and the expected state. `rested`, a ghost, is true for every end."""

    label: str
    actor: str
    event: WorldEvent
    ends: Mapping[str, Standing]
    sent: list[Symbol]


class NodePair:
    """The ends of one session on two connected nodes."""

    def __init__(self, config: PairConfig, make: type[Session] = Session) -> None:
        """`make`: the class of the sessions; tests of the check pass a known-bad one."""
        self.make = make
        self.sessions: dict[str, list[Session]] = {INITIATOR: [], RESPONDER: []}
        self.under_way: dict[tuple[str, Symbol], tuple[Address, Message]] = {}
        self.links: dict[tuple[str, Address], tuple[str, Address]] = {}
        self.sent: list[Symbol] = []
        self.nodes = {name: Node(SeededEntropy(name, Random(0)), make=self._maker(name)) for name in self.sessions}
        self._start(config)

    def _maker(self, name: str) -> Any:
        """Return a maker of sessions whose addresses contain their owner, as in the worlds of the checker."""

        def make(settings: Any, terms: Any, entropy: Any, *args: Any, **options: Any) -> Session:
            ordinal = "" if name == INITIATOR else f".{len(self.sessions[name]) + 1}"
            session = self.make(settings, terms, DerivedEntropy(f"{name}0{ordinal}", None), *args, **options)
            self.sessions[name].append(session)
            return session

        return make

    def _start(self, config: PairConfig) -> None:
        settings = {role: config.settings(role) for role in Role}
        responder = self.nodes[RESPONDER]
        responder.start_host(HOST, settings[Role.RESPONDER], handler=lambda *_: None, capacity=config.capacity)
        two_sided = config.session_type.renegotiated_by(Role.RESPONDER)
        self.nodes[INITIATOR].start_session(
            settings[Role.INITIATOR],
            (tcp(RESPONDER), HOST),
            outer=OUTER,
            handler=lambda *_: None,
            contact=CONTACT if two_sided else None,
            own_route=(tcp(INITIATOR), CONTACT) if two_sided else (),
            session_id=SESSION_ID,
        )

    # Steps ------------------------------------------------------------------------------------------------------------

    def does(self, name: str, event: WorldEvent) -> None:
        """Carry out an event at a node."""
        self.sent = []
        node = self.nodes[name]
        match event:
            case Deliver(payload=Symbol() as what):
                via, message = self.under_way[name, what]
                node.receive(message, via)
            case Fire(Event() as timer):
                self._chatter()
                node.fire(WorkerTimer(self.sessions[name][-1].terms.outer, _NAMED[timer]))
            case Order(order) if self._is_there(name):
                self._order(node, self.sessions[name][-1].terms.outer, str(order))
        self._carry_out(name)

    def _order(self, node: Node, outer: Address, order: str) -> None:
        if order == SEND:
            node.send(outer, b"data")
        else:
            {OPEN: node.open, CLOSE: node.close, RENEGOTIATE: node.renegotiate}[order](outer)

    def _is_there(self, name: str) -> bool:
        """Return whether an end exists. An unused or closed responder exists only in the table world, in IDLE."""
        return name == INITIATOR or bool(self.nodes[name].host(HOST).responders)

    def end(self, name: str) -> Standing:
        """Return the state of an end, translated to the table world, and its timers."""
        role, session = Role[name.upper()], self.sessions[name][-1] if self.sessions[name] else None
        made = len(self.sessions[name]) if name == RESPONDER else 0
        if session is None or not self._is_there(name):
            return TableEnd(made if role is Role.RESPONDER else 1), frozenset()
        end = End(sessions=((None, session.snapshot()),), spawned=made)
        return table_end(end, role), table_timers(end)

    # Commands of the nodes --------------------------------------------------------------------------------------------

    def _carry_out(self, name: str) -> None:
        for command in self.nodes[name].run():
            self._perform(name, command)

    def _perform(self, name: str, command: NodeCommand) -> None:
        if isinstance(command, Connect):
            peer = command.destination.value.decode()
            there = self.nodes[peer].accepted()
            self.links[name, command.via], self.links[peer, there] = (peer, there), (name, command.via)
            self._carry_out(peer)
            self.nodes[name].connected(command.via)
            self._carry_out(name)
        elif isinstance(command, Transmit) and command.message.payload[:1] != ERROR_TAG:
            peer, there = self.links[name, command.via]
            found = symbol(Packet(command.message))
            self.sent.append(found)
            self.under_way[peer, found] = (there, command.message)

    def _chatter(self) -> None:
        """Deliver another message over each connection (rule 3)."""
        for name, via in self.links:
            self.nodes[name].receive(Message((local("nobody"),), (), b""), via)
            self._carry_out(name)


def difference(config: PairConfig, moments: Iterable[Moment], make: type[Session] = Session) -> str:
    """Return the first step after which two nodes differ from a case; empty if none."""
    pair = NodePair(config, make)
    for moment in moments:
        try:
            pair.does(moment.actor, moment.event)
        except KeyError as missing:
            return f"before {moment.label}: {missing} was never sent"
        if {name: pair.end(name) for name in moment.ends} != moment.ends or pair.sent != moment.sent:
            return f"after {moment.label}"
    return ""

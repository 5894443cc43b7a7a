"""The image of a node with two layers of sessions, and the node restored from it.

The node is the real one (`runtime/node/node.py`). It is restored from its image for every event, as in node_actor.py.

Rule 1: an image has only the state that determines the node's next steps: no counts of the past, no dead letters.
Rule 2: a connection has a number, which is never reused. Frames that arrive over a lost connection are lost too.
Rule 3: addresses are not random. Each is derived from its owner, incarnation, number and starter, so it is fresh.
Left out: the limits on error replies and on the state of a node, and which of several connections a responder's timers
are charged to. Other worlds cover them (node_world.py, greedy_world.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from ockam_fsm.checking.actors import BoundReached
from ockam_fsm.checking.layers.inputs import InputRecorder, recorded
from ockam_fsm.checking.layers.setup import (
    ABOVE,
    BELOW,
    HOST_BELOW,
    OUTER_ABOVE,
    OUTER_BELOW,
    PEER,
    LayersSetup,
    role_of,
)
from ockam_fsm.checking.sessions.labels import state_of
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, INITIATOR, DerivedEntropy, End
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Route, local
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.ledger import Origin
from ockam_fsm.runtime.node.residents import Access, Envelope, Inner, Resident
from ockam_fsm.runtime.node.session_workers import Carriers, SessionWorker
from ockam_fsm.runtime.node.spawners import HostWorker
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.host import HostSnapshot, Key
from ockam_fsm.runtime.session.link import Entropy, Link, Purpose
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.session.terms import Terms

VIA = "via"
OUTERS = {ABOVE: OUTER_ABOVE, BELOW: OUTER_BELOW}
HOSTS = {ABOVE: HOST_ADDRESS, BELOW: HOST_BELOW}
ROUTES: dict[str, Route] = {ABOVE: (OUTER_BELOW, HOST_ADDRESS), BELOW: (PEER, HOST_BELOW)}
"""The initialization routes. The one of the session above begins with the outer address of the session below."""


class WorkerImage(NamedTuple):
    """A session worker. Carriers are given by address: a connection by its local one, a session by its outer one.

    `is_dependent`: the worker is a registered dependent of its carrier. `unheard`: nothing has arrived over the carrier
    of its hello since the hello was sent. `rested`: a ghost (S16).
    """

    layer: str
    key: Key
    outer: Address
    session_id: bytes
    session: Snapshot
    carrier: Address | None = None
    is_dependent: bool = False
    aside: Address | None = None
    hello_carrier: Address | None = None
    unheard: bool = False
    rested: bool = True


class LayersEnd(NamedTuple):
    """The state of a node's actor. `drawn`: the newest number of a connection (session ids use these numbers too).
    `live`: the connections established at this end. `made`: how many sessions below its starter has had. `spawned`: how
    many responders each host has had."""

    workers: tuple[WorkerImage, ...] = ()
    drawn: int = 0
    live: tuple[int, ...] = ()
    made: int = 0
    spawned: tuple[int, int] = (0, 0)
    vanished: frozenset[Address] = frozenset()

    @property
    def connections(self) -> int:
        """How many connections a node of starters has made; the other numbers drawn are session ids."""
        return self.drawn - max(self.made - 1, 0)

    @property
    def label(self) -> str:
        words = [f"{one.layer} {state_of(one.session)}" for one in self.workers] or ["no session"]
        return ", ".join(words) + f", connected over {', '.join(map(str, self.live)) or 'nothing'}"

    def of(self, layer: str) -> tuple[WorkerImage, ...]:
        """Return the sessions of a layer."""
        return tuple(one for one in self.workers if one.layer == layer)

    def end_of(self, layer: str) -> End:
        """Return the sessions of a layer, as the end of a world with this layer only."""
        return End(tuple((one.key, one.session) for one in self.of(layer)))

    def at(self, outer: Address) -> WorkerImage | None:
        """Return the session with this outer address."""
        return next((one for one in self.workers if one.outer == outer), None)


class AddressSource:
    """The source of a node's own addresses: first those of its image, then new ones."""

    def __init__(self, end: LayersEnd, *, connects: bool) -> None:
        self.known: deque[Address] = deque()
        self.drawn, self.spawned, self.connects = end.drawn, sum(end.spawned), connects

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        if self.known:
            return self.known.popleft()
        if not self.connects:
            self.spawned += 1
            return local(f"spawned0.{self.spawned}")
        self.drawn += 1
        return via(self.drawn)

    def fraction(self) -> float:
        return 0.5


class _BoundedAddresses:
    """The source of addresses of a session beyond the bound `incarnations`: using it reaches the bound."""

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        raise BoundReached("incarnations")

    def fraction(self) -> float:
        return 0.5


def via(number: int) -> Address:
    return local(f"{VIA}{number}")


def number_of(address: Address) -> int:
    """Return the number of the connection with this address; 0 if it is not the address of a connection."""
    value = address.value.decode()
    return int(value.removeprefix(VIA)) if value.startswith(VIA) else 0


class LayeredNode:
    """The node restored from an image, with the source of its addresses and the recorder of its sessions."""

    def __init__(self, setup: LayersSetup, actor: str, end: LayersEnd, recorder: InputRecorder) -> None:
        self.setup, self.actor, self.recorder, self.end = setup, actor, recorder, end
        self.role = role_of(actor)
        self.settings = {layer: setup.config(layer).settings(self.role) for layer in (BELOW, ABOVE)}
        self.names = AddressSource(end, connects=actor == INITIATOR)
        self.node = setup.node(self.names, make=self._make, connections=ConnectionConfig(held=2))
        self.made = 0
        for number in end.live:
            self._restore_connection(number)
        if self.role is Role.INITIATOR:
            self._restore_initiators()
        else:
            self._restore_hosts()
        self._restore_carriers()
        self.node.router.vanished = dict.fromkeys(sorted(end.vanished))
        self.node.router.commands.clear()
        self.recorder.backing_off = {one.outer for one in end.workers if not one.rested}

    # In ---------------------------------------------------------------------------------------------------------------

    def accept(self, number: int) -> None:
        """Accept the peer's connection of this number."""
        self.names.known.append(via(number))
        self.node.accepted()
        self.names.drawn = number

    def _restore_connection(self, number: int) -> None:
        if self.role is Role.RESPONDER:
            self.names.known.append(via(number))
            self.node.accepted()
            connection = self.node.router.residents[via(number)]
        else:
            connection = self.node.make_connection(via(number), PEER)
            self.node.destinations[PEER] = connection
        assert isinstance(connection, Connection)
        connection.state, connection.heard = State.ESTABLISHED, 1

    def _restore_initiators(self) -> None:
        self.made = max(self.end.made - 1, 0)
        for image in self.end.workers:
            self.start(image.layer, image.session_id)
            worker = self.node.router.residents[image.outer]
            assert isinstance(worker, SessionWorker)
            worker.session.restore(image.session)
        self.made = self.end.made

    def start(self, layer: str, session_id: bytes) -> None:
        """Start the initiator of a layer."""
        self.node.start_session(
            self.settings[layer],
            ROUTES[layer],
            outer=OUTERS[layer],
            session_id=session_id,
            recreated=self.setup.recreated and layer == BELOW,
        )

    def _restore_hosts(self) -> None:
        for layer, spawned in zip((BELOW, ABOVE), self.end.spawned, strict=True):
            self.node.start_host(HOSTS[layer], self.settings[layer], capacity=self.setup.config(layer).capacity)
            images = self.end.of(layer)
            self.names.known.extend(one.outer for one in images)
            host = self.node.host(HOSTS[layer]).host
            host.restore(HostSnapshot(host.state, spawned, tuple((one.key, one.session) for one in images)))

    def _restore_carriers(self) -> None:
        """Restore the carriers of each session worker, and the addresses registered for it."""
        residents = self.node.router.residents
        newest = residents.get(via(self.end.live[-1])) if self.end.live else None
        origin = newest.origin if isinstance(newest, Connection) else Origin("gone", outside=True)
        for image in self.end.workers:
            worker = residents[image.outer]
            assert isinstance(worker, SessionWorker)
            carrier, aside, of_hello = map(self._named, (image.carrier, image.aside, image.hello_carrier))
            worker.restore(Carriers(carrier, aside, of_hello, heard=int(image.unheard)))
            worker.unconfirmed = None
            if self.role is Role.RESPONDER:
                worker.origin = origin
            if image.is_dependent and carrier is not None:
                carrier.relied_on_by(worker)
            links = (worker.session.attempt, worker.session.current)
            for address in (one for link in links for one in _addresses(link)):
                self.node.router.register(address, worker, Access.SECRET)

    def _named(self, carrier: Address | None) -> Resident | None:
        return None if carrier is None else self.node.router.residents.get(carrier) or Gone(carrier)

    def _make(self, settings: SessionConfig, terms: Terms, entropy: Entropy, *args: Any, **options: Any) -> Session:
        layer = next(layer for layer, one in self.settings.items() if one is settings)
        config = self.setup.config(layer)
        session = recorded(config.make)(settings, terms, self._addresses(layer, terms), *args, **options)
        session.layer, session.layer_role, session.recorder = layer, self.actor, self.recorder
        return session  # type: ignore[no-any-return]

    def _addresses(self, layer: str, terms: Terms) -> Entropy:
        """Return the source of a session's addresses, derived from its owner and incarnation."""
        generations = self.setup.config(layer).generations
        if self.role is Role.RESPONDER:
            return DerivedEntropy(terms.outer.value.decode(), generations)
        if layer == ABOVE:
            return DerivedEntropy("above0", generations)
        self.made += 1
        if self.made > self.setup.incarnations:
            return _BoundedAddresses()
        return DerivedEntropy(f"below{self.made - 1}", generations)

    # Out --------------------------------------------------------------------------------------------------------------

    def image(self) -> LayersEnd:
        node, hosts = self.node, [one for one in self.node.router.residents.values() if isinstance(one, HostWorker)]
        live = [one for one in node.router.residents.values() if isinstance(one, Connection)]
        spawned = {one.address: one.host.spawned for one in hosts}
        return LayersEnd(
            tuple(self._images(hosts)),
            self.names.drawn,
            tuple(sorted(number_of(one.via) for one in live)),
            self.made,
            (spawned.get(HOST_BELOW, 0), spawned.get(HOST_ADDRESS, 0)),
            frozenset(node.router.vanished),
        )

    def _images(self, hosts: list[HostWorker]) -> Iterator[WorkerImage]:
        residents = self.node.router.residents
        for layer in (BELOW, ABOVE):
            if self.role is Role.INITIATOR:
                worker = residents.get(OUTERS[layer])
                if isinstance(worker, SessionWorker):
                    yield self._image(layer, None, worker)
            for host in hosts:
                if host.address == HOSTS[layer]:
                    yield from (self._image(layer, key, one) for key, one in host.responders.items())

    def _image(self, layer: str, key: Key, worker: SessionWorker) -> WorkerImage:
        session, carriers = worker.session, worker.snapshot()
        current, of_hello = carriers.current, carriers.of_hello
        dependents = current.dependents if isinstance(current, Connection | SessionWorker) else None
        return WorkerImage(
            layer, key, worker.outer, session.terms.session_id, _stripped(session.snapshot()),
            carrier=_name(current), is_dependent=worker in (dependents or ()), aside=_name(carriers.aside),
            hello_carrier=_name(of_hello),
            unheard=isinstance(of_hello, Connection) and of_hello.heard == carriers.heard,
            rested=worker.outer not in self.recorder.backing_off,
        )  # fmt: skip


def _stripped(image: Snapshot) -> Snapshot:
    """Return the image without the back-off step and the reason: they affect only durations and texts."""
    return image._replace(back_off_step=0, reason="")


class Gone(Inner):
    """A carrier that no longer exists, which a session worker still refers to."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def take(self, envelope: Envelope) -> None: ...

    def fire(self, timer: object) -> None: ...


def _name(carrier: Resident | None) -> Address | None:
    if isinstance(carrier, Connection):
        return carrier.via
    if isinstance(carrier, Gone):
        return carrier.address
    return carrier.outer if isinstance(carrier, SessionWorker) else None


def _addresses(link: Link | None) -> Iterator[Address]:
    if link is not None:
        yield from (one for one in (link.inner, link.handshake) if one is not None)

"""Deliveries of every kind, measured with real nodes over a faulty network and compared with the pipeline rules.

Theory: each delivery has or lacks four properties (`Properties`); the terms of Ockam's documents are combinations of
them. The rules of clause 17.9, which are the methods of `Delivery` here, derive the guaranteed properties of a delivery
from its construction. One run that lacks a guaranteed property refutes a rule; runs with more properties refute
nothing.

    bare                 messages cross the network without a pipe
    resend1, resend      a resend pipe around the delivery in brackets, one message at a time or with a window
    confirm              a confirm pipe around it: one message at a time, without retransmission
    monotonic ...        an index pipe of this ordering around it
    a ; b                chained: messages delivered by a are sent through b
    a ; x ; b            the same, and the node in between dies now and then with all its state

Rule 1: a run is a function of its seed, and every delivery has the same faults at the same rates.
Rule 2: a stalled delivery is given up after `PATIENCE_SECONDS` of virtual time.
Left out: deliveries of sessions and streams, which `simulate` measures.
Source: spec/sessions.md sections 13 and 17; Ockam's documents, "Delivery properties", "Reliability", "Ordering".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from statistics import fmean
from typing import NamedTuple

from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.encoding.message import LOCAL, Message, Route, local
from ockam_fsm.runtime.node.pipe_ends import ReceivingEnd, SendingEnd
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.simulation.delivery_metrics import DeliveryMetrics
from ockam_fsm.simulation.faults import NO_FAULTS, Faults
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode, tcp

MESSAGES = 100
INTERVAL_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
WINDOW = 8
ALONE_RUNS = 5
"""How many times more runs the parts of chains get when measured alone, since all products use them."""
USUAL = BackOff(0.25, 1.6, 2.0, 0.0)
IMPATIENT = BackOff(0.01, 1.6, 2.0, 0.0)
"""A time-out below the round trip time."""
RATES: Mapping[str, float] = {"drop": 0.15, "duplicate": 0.15, "reorder": 0.15}


class Properties(NamedTuple):
    """The properties of a delivery. `gapless`: in order, and no message is missing before one that arrives."""

    reliable: bool = False
    unique: bool = False
    in_order: bool = False
    gapless: bool = False

    def __str__(self) -> str:
        return "".join(letter if held else "-" for letter, held in zip("RUOG", self, strict=True))

    def lacks(self, promised: Properties) -> tuple[str, ...]:
        """Return the names of the promised properties that do not hold."""
        return tuple(name for name, held, due in zip(self._fields, self, promised, strict=True) if due and not held)


@dataclass(frozen=True)
class PipeLayer:
    """A pipe around a delivery: a resend pipe of a `window`, a confirm pipe, or an index pipe of an `ordering`."""

    name: str
    window: int = 1
    ordering: Ordering | None = None
    resends: bool = True


RESEND1, RESEND = PipeLayer("resend1", 1), PipeLayer("resend", WINDOW)
RESENDS = (RESEND1, RESEND)
CONFIRM = PipeLayer("confirm", resends=False)
INDEXES = tuple(PipeLayer(ordering.value, ordering=ordering) for ordering in Ordering)


@dataclass(frozen=True)
class Delivery:
    """Networks and the pipes around them, and the properties that follow from this construction.

    `layers` are around all of `hops`, the outermost first; a delivery without hops is one network. `firsts`: the first
    copies of messages arrive in order. `still`: it stalls permanently when the network loses a message.
    """

    name: str
    promised: Properties
    firsts: bool = False
    still: bool = False
    layers: tuple[PipeLayer, ...] = ()
    hops: tuple[Delivery, ...] = ()
    faults: tuple[str, ...] = tuple(RATES)
    time_out: BackOff = USUAL
    middle_dies: bool = False

    def inside(self, layer: PipeLayer) -> Delivery:
        """Return this delivery with `layer` around it."""
        if layer.ordering is not None:
            made = self._indexed(layer.ordering)
        else:
            made = self._resent(layer.window) if layer.resends else self._confirmed()
        return replace(made, name=f"{layer.name}[{self.name}]", layers=(layer, *self.layers))

    def _resent(self, window: int) -> Delivery:
        had = self.promised
        in_order, reliable = window == 1 and had.in_order, not self.still
        promised = Properties(reliable, False, in_order, in_order and (reliable or had.gapless))
        return replace(self, promised=promised, firsts=window == 1)

    def _confirmed(self) -> Delivery:
        """Return this delivery in a confirm pipe: one message at a time, each sent once, so only duplicates are
        late."""
        had = self.promised
        in_order = had.in_order or had.unique
        promised = Properties(had.reliable, had.unique, in_order, in_order)
        return replace(self, promised=promised, firsts=True, still=self.still or not had.reliable)

    def _indexed(self, ordering: Ordering) -> Delivery:
        had, leaves_out = self.promised, ordering.leaves_out
        reliable = had.reliable and (self.firsts or not leaves_out)
        promised = Properties(reliable, had.unique or not ordering.repeats, True, reliable or not leaves_out)
        return replace(self, promised=promised, firsts=True, still=self.still or not (leaves_out or had.reliable))

    def then(self, other: Delivery) -> Delivery:
        """Return this delivery chained with another one; it has the properties that both have."""
        promised = Properties(*(a and b for a, b in zip(self.promised, other.promised, strict=True)))
        name, still = f"{self.name} ; {other.name}", self.still or other.still
        return Delivery(name, promised, promised.in_order, still, hops=(self, other))

    def with_dying_middle(self) -> Delivery:
        """Return this delivery with a middle node that is killed now and then, with all messages that it confirmed."""
        name = self.name.replace(" ; ", " ; x ; ")
        return replace(self, name=name, promised=Properties(), firsts=False, middle_dies=True)


def bare(name: str, *faults: str) -> Delivery:
    """Return a network with these faults."""
    in_order, reliable = "reorder" not in faults, "drop" not in faults
    promised = Properties(reliable, "duplicate" not in faults, in_order, in_order and reliable)
    return Delivery(name, promised, in_order, faults=faults)


BARE = bare("bare", *RATES)
LOSSY, REPEATING, REORDERING = bare("lossy", "drop"), bare("repeating", "duplicate"), bare("reordering", "reorder")
EXACT = replace(BARE.inside(RESEND).inside(INDEXES[-1]), name="absolute[resend]")
CHAINED = (
    LOSSY, REPEATING, REORDERING, replace(BARE.inside(RESEND), name="resend"),
    replace(BARE.inside(INDEXES[1]), name="strict"), EXACT,
)  # fmt: skip


def deliveries() -> Iterator[tuple[str, Delivery]]:
    """Yield every measured combination, with the title of its group."""
    yield from (("networks", one) for one in (LOSSY, REPEATING, REORDERING, BARE))
    yield from (("one pipe", BARE.inside(layer)) for layer in (*RESENDS, *INDEXES))
    networks = LOSSY, REPEATING, REORDERING, BARE
    yield from (("a confirm pipe", one.inside(CONFIRM)) for one in networks)
    yield from (("an index pipe around a resend pipe", BARE.inside(a).inside(b)) for b, a in product(INDEXES, RESENDS))
    yield from (("a resend pipe around an index pipe", BARE.inside(b).inside(a)) for a, b in product(RESENDS, INDEXES))
    yield from (("chains of two", a.then(b)) for a, b in product(CHAINED, CHAINED))
    resend, strict = CHAINED[3:5]
    dying = resend.then(resend).with_dying_middle()
    yield "a worker dies", dying
    for chain, layers in product(
        (BARE.then(BARE), resend.then(resend), strict.then(strict), dying),
        ((RESEND,), (INDEXES[1],), (RESEND, INDEXES[-1])),
    ):
        for layer in layers:
            chain = chain.inside(layer)
        yield "end to end around a chain", chain
    for one in (BARE.inside(RESEND1), BARE.inside(RESEND)):
        yield "a round trip beyond the time-out", replace(one, time_out=IMPATIENT)


@dataclass(frozen=True)
class Measured:
    """The combined result of all runs of one delivery."""

    delivery: Delivery
    properties: Properties
    reliability: float
    uniqueness: float
    product: tuple[float, float] | None = None
    """For a chain: the products of the reliabilities and of the uniquenesses of its parts, measured alone."""

    @property
    def broken(self) -> tuple[str, ...]:
        """The promised properties that did not hold."""
        return self.properties.lacks(self.delivery.promised)

    @property
    def more(self) -> tuple[str, ...]:
        """The properties that held without being promised."""
        return self.delivery.promised.lacks(self.properties)


def measure(
    delivery: Delivery, seed: int, runs: int, make: Callable[[PipeConfig], PipeSender] = PipeSender
) -> Measured:
    """Run a delivery `runs` times, with consecutive seeds. `make` makes the confirmed senders; tests replace it."""
    done = [PipelineRun(delivery, number, make).figures() for number in range(seed, seed + runs)]
    sent, received, unique = (sum(getattr(one, name) - 1 for one in done) for name in ("sent", "received", "unique"))
    held = Properties(*map(all, zip(*map(_properties, done), strict=True)))
    return Measured(delivery, held, unique / sent, unique / received if received else 1.0)


def measured(seed: int = 0, runs: int = 1) -> Iterator[tuple[str, Measured]]:
    """Measure every delivery. Yield the results with the titles of their groups."""
    alone = {one.name: measure(one, seed, ALONE_RUNS * runs) for one in CHAINED}
    for title, delivery in deliveries():
        found = measure(delivery, seed, runs)
        if delivery.hops and not delivery.layers and not delivery.middle_dies:
            first, second = (alone[hop.name] for hop in delivery.hops)
            rates = first.reliability * second.reliability, first.uniqueness * second.uniqueness
            found = replace(found, product=rates)
        yield title, found


def product_rule(found: Iterable[Measured]) -> Iterator[tuple[bool, float, float]]:
    """Compare chains with Ockam's rule that the reliability of a chain is the product of those of its parts.

    For chains whose second part loses messages, yield: whether the first part duplicates, the mean reliability of these
    chains, and the mean product. Nothing where no such chain was measured.
    """
    losing = [one for one in found if one.product is not None and not one.delivery.hops[1].promised.reliable]
    for repeats in (False, True):
        chains = [one for one in losing if one.delivery.hops[0].promised.unique is not repeats]
        products = [one.product[0] for one in chains if one.product is not None]
        if chains:
            yield repeats, fmean(one.reliability for one in chains), fmean(products)


def _properties(one: DeliveryMetrics) -> Properties:
    orderings = one.orderings
    return Properties(one.unique == one.sent, one.again == 0, "monotonic" in orderings, "continuous" in orderings)


class PipelineRun:
    """One run: nodes n0, n1, ... with a network between neighbours, and an application at either end."""

    def __init__(self, delivery: Delivery, seed: int, make: Callable[[PipeConfig], PipeSender]) -> None:
        self._delivery, self._make = delivery, make
        self._figures = DeliveryMetrics()
        self._hops = delivery.hops or (delivery,)
        self._network = SimulatedNetwork(seed, NO_FAULTS, between=self._faults)
        for number in range(len(self._hops) + 1):
            self._network.add_node(f"n{number}", partial(self._start, number))
        self._figures.send(0)
        self._figures.receive(0)  # a missing first message then counts as a gap

    def figures(self) -> DeliveryMetrics:
        """Send all messages, then run for `PATIENCE_SECONDS`. Return the metrics."""
        network, first = self._network, self._network.nodes["n0"]
        for number in range(1, MESSAGES + 1):
            self._figures.send(number)
            first.node.route(Message((*self._entry, local("app")), (), b"%d" % number))
            first.run()
            network.run_until(network.now + INTERVAL_SECONDS)
            if self._delivery.middle_dies and number % 20 == 0:
                network.restart(network.nodes["n1"], with_state=False)
        network.run_until(network.now + PATIENCE_SECONDS)
        return self._figures

    def _faults(self, sender: str, receiver: str) -> Faults:
        """Return the faults of the hop between two neighbours; all faults where confirmations bypass nodes in
        between."""
        first, second = sorted((int(sender[1:]), int(receiver[1:])))
        names = self._hops[first].faults if second - first == 1 else tuple(RATES)
        return Faults({name: RATES[name] for name in names})

    def _start(self, number: int, node: SimulatedNode) -> None:
        """Start the receivers of the hop that ends at a node, the senders of the hop that begins there, and the
        application at the last node."""
        last, whole = len(self._hops), self._delivery.layers if self._delivery.hops else ()
        if number:
            self._receive(node, f"h{number - 1}", self._hops[number - 1].layers)
        if number == last:
            self._receive(node, "e", whole)
            node.node.start_worker(local("app"), handler=self._arrived, access=Access.PUBLIC)
            return
        way = self._send(node, f"h{number}", self._hops[number].layers, (tcp(f"n{number + 1}"),))
        if number == 0:
            rest = [self._name_of(place) for place in range(1, last)]
            self._entry = self._send(node, "e", whole, (*way, *(step for one in rest for step in one)))

    def _name_of(self, place: int) -> Route:
        """Return the route into the hop that begins at a node."""
        layers = self._hops[place].layers
        return (local(f"h{place}.{layers[0].name}"),) if layers else (tcp(f"n{place + 1}"),)

    def _receive(self, node: SimulatedNode, way: str, layers: tuple[PipeLayer, ...]) -> None:
        for layer in layers:
            core = ConfirmingReceiver() if layer.ordering is None else OrderingReceiver(layer.ordering)
            node.node.start_worker(local(f"{way}.{layer.name}"), handler=ReceivingEnd(core), access=Access.PUBLIC)

    def _send(self, node: SimulatedNode, way: str, layers: tuple[PipeLayer, ...], route: Route) -> Route:
        """Start senders for these layers, the innermost first. Return the route into the outermost.

        A sender around another pipe is confirmed along a separate route, since pipes do not trace.
        """
        for layer in reversed(layers):
            back = (tcp(node.name),) if route[0].type == LOCAL else ()
            config = PipeConfig(layer.window, MESSAGES, self._delivery.time_out if layer.resends else None)
            core = self._make(config) if layer.ordering is None else None
            address = local(f"{way}.{layer.name}")
            SendingEnd(node.node.router, (*route, address), core, outer=address, access=Access.PUBLIC, back=back)
            route = (address,)
        return route

    def _arrived(self, message: Message, context: Context) -> None:
        self._figures.receive(int(message.payload))

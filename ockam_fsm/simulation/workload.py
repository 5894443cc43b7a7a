"""The workload of one session type under faults: two nodes, their sessions, an application, and property monitors.

    initiators   `PAIRS` sessions on node `a`; one that closes is opened (explicit) or used (implicit) again
    responders   one host on node `b`; two-sided sessions are also renegotiated from there
    application  sends messages and requests in both directions, orders renegotiations and closes; its handlers
                 sometimes raise
    greedy       peers that fill the account of `b` (greedy.py), if the setup has any

Rule 1: all randomness comes from the seed. The same arguments give the same run, bit for bit.
Rule 2: after `run`, `settle` stops the faults and the user, and only timers and deliveries continue (R).
Left out: the outcome and the trace of a run (runs.py).
Source: spec/sessions.md sections 8, 10 and 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, TYPES, SessionMachine
from ockam_fsm.machines.supervised import SUPERVISED
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import Letter, NotifyOwner, Observation, StateChanged, WorkerFailed
from ockam_fsm.runtime.node.ledger import TOTAL_BYTES, Ledger
from ockam_fsm.runtime.node.router import DELIVERY_FAILED
from ockam_fsm.runtime.node.workers import Context, RestartPolicy
from ockam_fsm.runtime.session.commands import Closed
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, PROFILES, Profile
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.simulation.accounts import JudgedLedger, judge_account
from ockam_fsm.simulation.contents import connections_of, sessions_of, waiting_in
from ockam_fsm.simulation.delivery_metrics import DeliveryMetrics
from ockam_fsm.simulation.faults import NO_FAULTS, RATES, Faults
from ockam_fsm.simulation.greedy import SMALL_ACCOUNT_BYTES, GreedyPeers
from ockam_fsm.simulation.monitors import Broken, Monitor, WatchedSession, mark, mark_of
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode, tcp

PAIRS = 2
ACCOUNT_EVERY_STEPS = 2_000
SETTLE_SECONDS = 120.0
MAX_DEADLINE_SECONDS = 4.0
"""The longest deadline of a request. Some requests are withdrawn before their response, some while they are held."""

HELD = 20
"""The limit of held messages, small enough to be reached."""

LIVE = (State.NEGOTIATING, State.ESTABLISHED)
HOST = local("host")
DURATIONS = Durations(2.0, 1.0, 8.0, 20.0, 2.0, BackOff(0.5, 1.6, 5.0, 0.2))
"""Short durations, so that a run of few steps has many events."""

RESTARTS = RestartPolicy(1_000_000, 5.0, BackOff(0.01, 1.6, 0.5, 0.2))
"""A restart policy without a practical limit, because the simulation makes handlers raise during the whole run."""


@dataclass(frozen=True)
class Setup:
    """The arguments of a run except the number of steps. `greedy`: the number of greedy peers."""

    session_type: SessionType
    seed: int = 0
    profile: Profile = GENERATION
    faults: Faults = field(default_factory=Faults)
    make: type[WatchedSession] = WatchedSession
    variants: Mapping[Role, SessionMachine] = field(default_factory=dict)
    greedy: int = 0

    @property
    def name(self) -> str:
        """The name of the simulated configuration, for reports."""
        return self.session_type.name

    def settings(self, role: Role) -> SessionConfig:
        """Return the configuration of a role. In profile `ockam` responders are transient, one per generation."""
        fresh = role is Role.RESPONDER and not self.profile.names_sessions
        kind = EXPLICIT_TRANSIENT if fresh else self.session_type
        held = 0 if kind is EXPLICIT_TRANSIENT else HELD
        variant = self.variants.get(role)
        return SessionConfig(kind, role, self.profile, DURATIONS, held=held, requests=50, variant=variant)

    def header(self) -> dict[str, Any]:
        return {
            "type": self.session_type.name,
            "seed": self.seed,
            "profile": self.profile.name,
            "faults": dict(self.faults.rates),
            **({"greedy": self.greedy} if self.greedy else {}),
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Setup:
        kind = next(t for t in TYPES if t.name == header["type"])
        greedy = header.get("greedy", 0)
        return cls(kind, header["seed"], PROFILES[header["profile"]], Faults(header["faults"]), greedy=greedy)


class Simulation:
    """One run."""

    def __init__(self, setup: Setup, make: type[WatchedSession] | None = None) -> None:
        """`make` replaces `setup.make`, for sessions that are recorded."""
        self.setup = setup
        self.monitor = Monitor()
        self.there, self.back = DeliveryMetrics(), DeliveryMetrics()
        self.numbered = 0
        self.using = True
        self.lives = [0] * PAIRS
        self.bystanders: list[Snapshot] = []
        self.neighbours_changed = False
        self.network = SimulatedNetwork(
            setup.seed,
            setup.faults,
            taken=self._taken,
            notified=self._notified,
            restarting=self._restarting,
            spoils_payload=setup.profile.names_sessions,
            make=self.monitor.maker(make or setup.make),
            ledger=self._ledger,
        )
        self.random = self.network.random

    def begin(self) -> None:
        """Start the nodes, the greedy peers, the application and the faults."""
        self.b = self.network.add_node("b", self._start_host)
        self.a = self.network.add_node("a", self._start_initiators)
        self.greedy = GreedyPeers(self.network, self.setup.greedy, HOST, self.setup.profile, self)
        self.greedy.begin()
        self._schedule_use()
        for fault in sorted(RATES):
            self._schedule_fault(fault)

    def _ledger(self, name: str) -> Ledger:
        return JudgedLedger(SMALL_ACCOUNT_BYTES if name == "b" and self.setup.greedy else TOTAL_BYTES)

    # The two nodes ----------------------------------------------------------------------------------------------------

    def _start_initiators(self, node: SimulatedNode) -> None:
        node.node.add_observer(self)
        application = node.node.start_worker(local("application"), handler=self._on_a, restart=RESTARTS)
        for pair in range(PAIRS):
            self._start_initiator(node, pair, application)

    def way(self, pair: int) -> Route:
        """Return the initialization route of a pair's initiator."""
        return (tcp("b"), HOST)

    def monitor_of(self, session: Session) -> Monitor:
        return self.monitor

    def _start_initiator(self, node: SimulatedNode, pair: int, application: Address) -> None:
        setup = self.setup
        two_sided = setup.session_type.renegotiation is Renegotiation.TWO_SIDED
        contact = local(f"contact-{pair}") if two_sided else None
        session_id = None
        if setup.profile.names_sessions and setup.session_type.persistent:
            session_id = self.lives[pair].to_bytes(15, "big") + bytes([pair])
        node.node.start_session(
            setup.settings(Role.INITIATOR),
            self.way(pair),
            outer=local(f"outer-{pair}"),
            application=application,
            contact=contact,
            own_route=(tcp("a"), contact) if contact is not None else (),
            session_id=session_id,
            remembered=node.numbers.get(session_id or b"", 0),
            has_state=session_id in node.numbers,
        )
        if setup.session_type.creation is Creation.EXPLICIT:
            node.node.open(local(f"outer-{pair}"))

    def _start_host(self, node: SimulatedNode) -> None:
        node.node.add_observer(self)
        application = node.node.start_worker(local("application"), handler=self._on_b, restart=RESTARTS)
        node.node.start_host(
            HOST,
            self.setup.settings(Role.RESPONDER),
            application=application,
            capacity=20,
            durable=lambda session_id: (node.numbers.get(session_id, 0), session_id in node.numbers),
        )

    # The application --------------------------------------------------------------------------------------------------

    def _schedule_use(self) -> None:
        self.network.after(self.random.expovariate(10.0), "use", self._use)

    def _use(self) -> None:
        if not self.using:
            return
        draw = self.random.random()
        try:
            if draw < 0.6:
                self._use_initiator(local(f"outer-{self.random.randrange(PAIRS)}"), draw)
            elif draw < 0.9:
                self._use_responder()
            else:
                self._order(draw)
        except LocalSessionError:
            pass  # a refused order changes nothing
        self._schedule_use()

    def _use_initiator(self, outer: Address, draw: float) -> None:
        node = self.a.node
        self.numbered += 1
        if draw < 0.4:
            found = mark("m", self.numbered)
            self._accepted(found, lambda: node.send(outer, found))
            self.there.send(self.numbered, outer)
        else:
            found = mark("q", self.numbered)
            self._accepted(found, lambda: node.request(outer, found, found, reissue=draw < 0.5))
            if self.numbered % 2:
                self.network.after(MAX_DEADLINE_SECONDS * (draw - 0.4) / 0.2, "deadline", self._give_up, outer, found)
        self.a.run()

    def _give_up(self, outer: Address, found: bytes) -> None:
        """Withdraw a request at its deadline, unless it has an outcome."""
        with suppress(LocalSessionError):  # its session no longer exists
            if found in self.a.node.session(outer).requests:
                self.a.node.withdraw_request(outer, found)
                self.monitor.withdrawn(found)
                self.a.run()

    def _use_responder(self) -> None:
        responders = list(self.b.node.host(HOST).responders.values())
        if responders:
            worker = responders[self.random.randrange(len(responders))]
            self.numbered += 1
            found = mark("m", self.numbered)
            self._accepted(found, lambda: self.b.node.send(worker.outer, found))
            self.back.send(self.numbered, worker.outer)
            self.b.run()

    def _accepted(self, found: bytes, order: Callable[[], None]) -> None:
        """Give an order with this mark. An accepted message may be a dead letter before the order returns."""
        self.monitor.accept(found)
        try:
            order()
        except LocalSessionError:
            self.monitor.settled(found)
            raise

    def _order(self, draw: float) -> None:
        outer = local(f"outer-{self.random.randrange(PAIRS)}")
        if draw < 0.93:
            self.a.node.renegotiate(outer)
        elif draw < 0.96:
            responders = list(self.b.node.host(HOST).responders.values())
            if responders:
                self.b.node.renegotiate(responders[self.random.randrange(len(responders))].outer)
                self.b.run()
        elif draw < 0.97:
            self.a.node.close(outer)
        self.a.run()

    def _on_a(self, message: Message, context: Context) -> None:
        self._handle(message, self.back)

    def _on_b(self, message: Message, context: Context) -> None:
        self._handle(message, self.there)
        found = mark_of(message.payload)
        if found is not None and found[:1] == b"q":
            context.reply(b"r" + found[1:])

    def _handle(self, message: Message, delivery: DeliveryMetrics) -> None:
        if self.network.hit("handler-raises"):
            self.bystanders = self._bystanders()
            raise RuntimeError("injected by the simulation")
        found = mark_of(message.payload)
        if found is not None:
            self.monitor.settled(found)
            if found[:1] == b"m":
                delivery.receive(int(found[1:]))

    # Accounts ---------------------------------------------------------------------------------------------------------

    def _taken(self, fault: str, message: Message) -> None:
        self.monitor.settled(message.payload)

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, Letter):
            if observation.reason == DELIVERY_FAILED:
                self.monitor.misheard = f"a worker of the node raised: {observation.detail}"
            payload = getattr(observation.message, "payload", b"")
            self.monitor.settled(payload if isinstance(payload, bytes) else b"")
        elif isinstance(observation, WorkerFailed) and self._bystanders() != self.bystanders:
            self.neighbours_changed = True  # `account` raises it, because exceptions of observers are swallowed
        elif isinstance(observation, StateChanged) and observation.machine != SUPERVISED.name:
            self.monitor.hear(observation)

    def _notified(self, node: SimulatedNode, notify: NotifyOwner) -> None:
        request = getattr(notify.notice, "request", None)
        if isinstance(request, bytes):
            self.monitor.settled(request)
        if isinstance(notify.notice, Closed) and node.name == "a":
            pair = int(notify.worker.value.rpartition(b"-")[2])
            self.network.after(1.0, "reopen", self._reopen, node.incarnation, pair)

    def _reopen(self, incarnation: int, pair: int) -> None:
        if self.a.incarnation == incarnation:
            self._start_initiator(self.a, pair, local("application"))
            self.a.run()

    def _restarting(self, node: SimulatedNode, with_state: bool) -> None:
        """Settle all held messages. An application without its state may return under a new session id."""
        if node.name == "a" and not with_state:
            self.lives = [life + (self.random.random() < 0.5) for life in self.lives]
        for payload in self._held_in(node):
            self.monitor.settled(payload)

    def _held_in(self, node: SimulatedNode) -> Iterator[bytes]:
        for message in (*waiting_in(node), *node.unstored):
            yield message.payload
        for session in sessions_of(node):
            yield from (outgoing.payload for outgoing, _ in session.waiting)
            yield from (request.outgoing.payload for request in session.requests.values())

    def _bystanders(self) -> list[Snapshot]:
        return [session.snapshot() for node in self.network.nodes.values() for session in sessions_of(node)]

    def account(self) -> None:
        """Check S10, S11, S12, S14 and S24 of the whole simulation."""
        for node in self.network.nodes.values():
            judge_account(node.name, node.node)
            live = [c.destination for c in connections_of(node) if c.destination and c.state in LIVE]
            if len(live) != len(set(live)):
                raise Broken("S10", f"{node.name} has two live connections to one destination")
        self.monitor.judge_hearing(one for node in self.network.nodes.values() for one in sessions_of(node))
        for node in self.network.nodes.values():
            self._check_durable(node)
        if self.neighbours_changed:
            raise Broken("S14", "a handler that raised has changed a session")
        present = [payload for node in self.network.nodes.values() for payload in self._held_in(node)]
        self.monitor.account([*present, *(message.payload for message in self.network.in_flight())])
        host = self.b.node.host(HOST).host
        if len(host.sessions) > (host.limits["responders"] or 0):
            raise Broken("S12", f"{len(host.sessions)} responders")

    def _check_durable(self, node: SimulatedNode) -> None:
        """Check that a restart with state cannot reuse a number (clause 4.1). A node that waits for its storage is
        exempt: it has not sent its new numbers yet."""
        if node.busy_until > self.network.now:
            return
        for session in sessions_of(node):
            stored = node.numbers.get(session.terms.session_id, 0)
            if session.terms.session_id and stored < session.seen[0]:
                seen = f"{session.terms.outer} has seen {session.seen[0]}"
                raise Broken("S4", f"the stored number is {stored}, but {seen}")

    # Spontaneous faults -----------------------------------------------------------------------------------------------

    def _schedule_fault(self, fault: str) -> None:
        rate = self.network.faults.chance(fault) * len((self.a, self.b))
        if rate and self.using:
            self.network.after(self.random.expovariate(rate), fault, self._strike, fault)

    def _strike(self, fault: str) -> None:
        if not self.using:
            return
        network, node = self.network, self.random.choice((self.a, self.b))
        other = self.b if node is self.a else self.a
        if fault.endswith("partition"):
            seconds = self.random.uniform(0.5, 8.0)
            network.partition(node.name, other.name, seconds)
            if fault == "two-way-partition":
                network.partition(other.name, node.name, seconds)
        elif fault.startswith("restart"):
            network.restart(node, with_state=fault == "restart-with-state")
        elif fault == "worker-stops":
            self._stop_worker(node)
        elif node.links:
            via = self.random.choice(list(node.links))
            {"reset": network.reset, "half-open": network.half_open, "slow-reader": network.slow_reader}[fault](
                node, via
            )
        self._schedule_fault(fault)

    def _stop_worker(self, node: SimulatedNode) -> None:
        """Stop one session worker; on `b`, one responder. Its peer cannot distinguish this from a stopped node."""
        if node is self.b:
            workers = list(node.node.host(HOST).responders.values())
            if workers:
                node.node.stop(workers[self.random.randrange(len(workers))].outer)
        elif any(session.state is not State.CLOSED for session in sessions_of(node)):
            node.node.stop(self.random.choice([session.terms.outer for session in sessions_of(node)]))
        node.run()

    # Running ----------------------------------------------------------------------------------------------------------

    def run(
        self, steps: int, progress: Callable[[int], None] | None = None, over: Callable[[], bool] = lambda: False
    ) -> None:
        """Carry out this many steps, or fewer if it is `over`. Raises Broken when a property is violated."""
        while steps > 0 and not over():
            chunk = min(steps, ACCOUNT_EVERY_STEPS)
            for _ in range(chunk):
                self.step()
            self.account()
            steps -= chunk
            if progress is not None:
                progress(chunk)

    def step(self) -> None:
        """Carry out the next event."""
        self.network.step()

    def settle(self) -> None:
        """Stop faults and orders, and check that everything comes to rest (R1, R2, R3, R5)."""
        self.using = False
        self.greedy.end()
        self.network.faults = NO_FAULTS
        self.network.cuts.clear()
        self.network.run_until(self.network.now + SETTLE_SECONDS)
        self.account()
        for session in sessions_of(self.a):
            self._check_settled(session)
        self._check_responders()

    def _check_settled(self, session: Session) -> None:
        rests, kind = bool(session.resting) or session.state is State.IDLE, session.settings.session_type
        implicit = kind.creation is Creation.IMPLICIT
        if session.state is not State.ESTABLISHED and not (implicit and rests and not session.waiting):
            raise Broken("R1", f"{session.terms.outer} is {session.state.name} at the end")
        if session.requests:
            raise Broken("R3", f"{len(session.requests)} requests are open at the end")
        if kind.persistent and self.setup.profile.names_sessions and session.current is not None:
            peer = self.monitor_of(session).by_inner.get(session.current.route[-1])
            if peer is None or peer.state is not State.ESTABLISHED or peer.current is None:
                raise Broken("R2", f"{session.terms.outer} is established, but its peer is not")
            if peer.current.generation != session.current.generation:
                generations = f"{session.current.generation}, its peer in {peer.current.generation}"
                raise Broken("R2", f"{session.terms.outer} is in generation {generations}")

    def _check_responders(self) -> None:
        if self.setup.session_type.creation is Creation.IMPLICIT and self.setup.session_type.persistent:
            return  # they rest until a message comes
        live = {session.current.route[-1] for session in sessions_of(self.a) if session.current is not None}
        for session in sessions_of(self.b):
            if session.current is None or session.current.inner not in live:
                raise Broken("R5", f"a responder without a live peer is {session.state.name} at the end")

    def figures(self) -> dict[str, Any]:
        return {"there": self.there.figures(), "back": self.back.figures()}

"""Sessions over sessions under faults: the workload of one session type, with a session below each of its sessions.

    above   the sessions of the workload, used by the application; their routes begin with the outer address below
    below   one session for each of them, from the same node `a` to a separate host on node `b`

Rule 1: each layer has its own monitor, because a message below differs from the one that it carries.
Rule 2: after every step no session is established over one that has ended (S38), and none was notified of a loss while
        the session below existed (S40).
Rule 3: the simulation restarts a session below that has closed. An implicit transient one is recreated by the next
        message through it (clause 11.2).
Left out: two-sided sessions, whose responders need a return route; profile `ockam`, which carries no routes.
Source: spec/sessions.md sections 8 and 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import IMPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Route, local
from ockam_fsm.runtime.node.commands import NotifyOwner, Observation, StateChanged
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.commands import Closed, TimedOut
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import PROFILES
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.simulation.faults import Faults
from ockam_fsm.simulation.monitors import Broken, Monitor, WatchedSession
from ockam_fsm.simulation.network import SimulatedNode, tcp
from ockam_fsm.simulation.workload import DURATIONS, HELD, HOST, Setup, Simulation

BELOW_HOST = local("below-host")
PATIENT = Durations(4.0, 4.0, 24.0, 40.0, 6.0, BackOff(0.5, 1.6, 5.0, 0.2))
"""The durations of the sessions above, long enough to survive a renegotiation below."""

LOWER_LAYER_LOST = "lower layer lost"
LIVE_STATES = (State.ESTABLISHED, State.TIMED_OUT, State.RENEGOTIATING)
"""The states of a session that others may rely on. A failed transient session (TIMED_OUT) ends with its next timer."""


@dataclass(frozen=True)
class LayeredSetup(Setup):
    """A setup whose sessions go over sessions of another type.

    Raises:
        DefinitionError: a type is two-sided, or the profile does not carry routes.
    """

    over: SessionType = IMPLICIT_TRANSIENT

    def __post_init__(self) -> None:
        kinds = (self.session_type, self.over)
        problems = [f"{kind.name} is two-sided" for kind in kinds if kind.renegotiation is Renegotiation.TWO_SIDED]
        if not self.profile.carries_routes:
            problems.append(f"profile {self.profile.name} carries no routes, which replies through a session need")
        if problems:
            raise DefinitionError("layers", problems)

    @property
    def name(self) -> str:
        return f"{self.session_type.name} over {self.over.name}"

    def settings(self, role: Role) -> SessionConfig:
        return replace(super().settings(role), durations=PATIENT)

    def settings_below(self, role: Role) -> SessionConfig:
        """Return the configuration of the sessions below."""
        return SessionConfig(self.over, role, self.profile, DURATIONS, held=HELD, requests=50)

    def header(self) -> dict[str, Any]:
        return super().header() | {"over": self.over.name}


def setup_of(header: Mapping[str, Any]) -> Setup:
    """Return the setup in the first line of a trace."""
    plain = Setup.from_header(header)
    if "over" not in header:
        return plain
    over = next(kind for kind in TYPES if kind.name == header["over"])
    profile, faults = PROFILES[header["profile"]], Faults(header["faults"])
    return LayeredSetup(plain.session_type, plain.seed, profile, faults, greedy=plain.greedy, over=over)


class LayeredSimulation(Simulation):
    """One run of both layers."""

    setup: LayeredSetup

    def __init__(self, setup: LayeredSetup, make: type[WatchedSession] | None = None) -> None:
        """`make` makes the sessions above; `setup.make` those below."""
        self.below = Monitor()
        self.early_notification = ""
        self.settings_below = {role: setup.settings_below(role) for role in Role}
        super().__init__(setup, make)
        above, below = self.network.make, self.below.maker(setup.make)

        def either(settings: SessionConfig, *args: Any, **options: Any) -> Session:
            return (below if self._is_below(settings) else above)(settings, *args, **options)

        self.network.make = either

    def monitor_of(self, session: Session) -> Monitor:
        return self.below if self._is_below(session.settings) else self.monitor

    def _is_below(self, settings: SessionConfig) -> bool:
        return any(settings is one for one in self.settings_below.values())

    # The two nodes ----------------------------------------------------------------------------------------------------

    def way(self, pair: int) -> Route:
        return (below(pair), HOST)

    def _start_initiator(self, node: SimulatedNode, pair: int, application: Address) -> None:
        self._start_below(node, pair)
        super()._start_initiator(node, pair, application)

    def _start_below(self, node: SimulatedNode, pair: int) -> None:
        """Start the session below, unless it exists."""
        kind = self.setup.over
        if below(pair) in node.node.router.residents:
            return
        session_id = b"below" + self.lives[pair].to_bytes(10, "big") + bytes([pair]) if kind.persistent else None
        node.node.start_session(
            self.settings_below[Role.INITIATOR],
            (tcp("b"), BELOW_HOST),
            outer=below(pair),
            session_id=session_id,
            remembered=node.numbers.get(session_id or b"", 0),
            has_state=session_id in node.numbers,
            recreated=kind is IMPLICIT_TRANSIENT,
        )
        if kind.creation is Creation.EXPLICIT:
            node.node.open(below(pair))

    def _start_host(self, node: SimulatedNode) -> None:
        super()._start_host(node)
        node.node.start_host(
            BELOW_HOST,
            self.settings_below[Role.RESPONDER],
            capacity=20,
            durable=lambda session_id: (node.numbers.get(session_id, 0), session_id in node.numbers),
        )

    def _notified(self, node: SimulatedNode, notify: NotifyOwner) -> None:
        pair = _pair_of(notify.worker)
        if pair is None:
            super()._notified(node, notify)
        elif isinstance(notify.notice, Closed):
            self.network.after(1.0, "reopen", self._start_again, node.incarnation, pair)

    def _start_again(self, incarnation: int, pair: int) -> None:
        if self.a.incarnation == incarnation:
            self._start_below(self.a, pair)
            self.a.run()

    # Properties between the layers ------------------------------------------------------------------------------------

    def observe(self, observation: Observation) -> None:
        super().observe(observation)
        if isinstance(observation, StateChanged):
            self._changed(observation)
        elif isinstance(observation, NotifyOwner) and isinstance(observation.notice, TimedOut):
            name, _, pair = observation.worker.value.partition(b"-")
            if name == b"outer" and observation.notice.reason == LOWER_LAYER_LOST:
                self._loss_notified(int(pair))

    def _changed(self, change: StateChanged) -> None:
        pair = _pair_of(change.worker)
        again = (State.RENEGOTIATING.name, State.ESTABLISHED.name)
        if pair is not None and (change.before, change.after) == again:
            above = self.a.node.router.residents.get(local(f"outer-{pair}"))
            if isinstance(above, SessionWorker) and above.session.state is State.ESTABLISHED:
                self.monitor.witness("W20")

    def _loss_notified(self, pair: int) -> None:
        """Record W21, and a violation of S40 if any. `step` raises it: exceptions of observers are swallowed."""
        self.monitor.witness("W21")
        worker = self.a.node.router.residents.get(below(pair))
        if isinstance(worker, SessionWorker) and worker.session.state is not State.IDLE:
            state = worker.session.state.name
            self.early_notification = f"outer-{pair} was notified of a loss while below-{pair} is {state}"

    def step(self) -> None:
        super().step()
        if self.early_notification:
            raise Broken("S40", self.early_notification)
        for node in (self.a, self.b):
            self._check_layers(node)

    def _check_layers(self, node: SimulatedNode) -> None:
        residents = node.node.router.residents
        for resident in tuple(residents.values()):
            if not isinstance(resident, SessionWorker) or resident.session.state is not State.ESTABLISHED:
                continue
            session = resident.session
            if self._is_below(session.settings) or session.current is None:
                continue
            lower = residents.get(session.current.route[0])
            if not isinstance(lower, SessionWorker) or lower.session.state not in LIVE_STATES:
                raise Broken("S38", f"{node.name}: {resident.outer} is established over a session that has ended")

    def account(self) -> None:
        super().account()
        host = self.b.node.host(BELOW_HOST).host
        if len(host.sessions) > (host.limits["responders"] or 0):
            raise Broken("S12", f"{len(host.sessions)} responders below")


def below(pair: int) -> Address:
    """Return the outer address of the session below the session of a pair."""
    return local(f"below-{pair}")


def _pair_of(worker: Address) -> int | None:
    """Return the pair of a session below; None for other workers."""
    name, _, number = worker.value.partition(b"-")
    return int(number) if name == b"below" and number.isdigit() else None


def simulation_of(setup: Setup, make: type[WatchedSession] | None = None) -> Simulation:
    """Return the simulation of a setup."""
    return LayeredSimulation(setup, make) if isinstance(setup, LayeredSetup) else Simulation(setup, make)

"""The declaration of the node under test by its operator: addresses, profile, session type, durations, capacity.

Rule 1: clauses about time and capacity are judged only against a declaration.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.session.config import Durations
from ockam_fsm.runtime.session.handshake import OCKAM, Profile

NOWHERE = "none"


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of the kit, in seconds. `patience_seconds`: after this an answer is late. `settle_seconds`: how long to
    listen on after a later message was answered, for nodes that do not keep order. `run_seconds`: the limit of the
    whole run. `linger_seconds`: how long after a hostile case the rest of the node is probed again. `start_seconds`:
    how long a restarted node may take until it answers."""

    patience_seconds: float = 5.0
    settle_seconds: float = 0.05
    run_seconds: float = 300.0
    linger_seconds: float = 0.5
    start_seconds: float = 30.0


@dataclass(frozen=True)
class NodeUnderTest:
    """`where`: HOST:PORT of the node under test; where it initiates, that of the kit. `spawner`: empty if the node has
    no sessions; then it has an `echo`. `type_declared` False: the type is the usual one of the profile, undeclared.
    `durations`: only those named in `declared` are judged. `capacity`: the largest number of responders of the spawner,
    None if undeclared. `own_address`: where the node can reach the kit (HOST:PORT, port 0: a free one); empty: where
    the kit's connections come from; `NOWHERE`: nowhere. `node_address`: where a node that initiates listens. `stream`,
    `stream_index`: its stream service and its index worker."""

    where: str
    spawner: str
    echo: str = ""
    stream: str = ""
    profile: Profile = OCKAM
    session_type: SessionType = EXPLICIT_TRANSIENT
    durations: Durations = field(default_factory=Durations)
    declared: frozenset[str] = frozenset()
    capacity: int | None = None
    own_address: str = ""
    node_address: str = ""
    stream_index: str = ""
    pace: Pace = Pace()
    type_declared: bool = True

    @property
    def generations(self) -> bool:
        return self.profile.names_sessions

    @property
    def shortest_seconds(self) -> float:
        """The shortest time-out by which the node could end a session of the kit while node or machine stand still."""
        durations = self.durations
        waits = [durations.negotiation_seconds, durations.idle_seconds or durations.negotiation_seconds]
        two_sided = self.session_type.renegotiation is Renegotiation.TWO_SIDED
        return min(*waits, durations.keepalive_seconds) if two_sided else min(waits)

    @property
    def timeouts(self) -> tuple[str, ...]:
        """The durations after which a responder of this type acts by itself."""
        if self.session_type.renegotiation is Renegotiation.TWO_SIDED:
            return ("negotiation", "keepalive", "back-off")
        kept = self.session_type.persistent and self.generations
        return ("negotiation", "idle", *(("retention",) if kept else ()))

    @property
    def host(self) -> Address:
        """The spawner's or static responder's address."""
        return local(self.spawner)

    @property
    def name(self) -> str:
        if not self.spawner:
            return f"tcp://{self.where}/{self.echo} (no sessions)"
        return f"tcp://{self.where}/{self.spawner} ({self.profile.name}, {self.session_type.name})"

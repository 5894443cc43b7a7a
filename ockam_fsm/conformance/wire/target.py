"""What is known of the node under test: where it is, what it offers, and what its operator declares of it.

Rule 1: nothing is assumed that could be declared. A clause about time or capacity is judged only against a declaration.
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
    """`patience_seconds`: how long an answer may take before it is missing. `settle_seconds`: how long to listen on
    after a later message was answered, for nodes that do not keep order. `run_seconds`: the whole run at most.
    `linger_seconds`: how long after a hostile case the rest of the node is asked again. `start_seconds`: how long a
    node that was started again may take until it answers."""

    patience_seconds: float = 5.0
    settle_seconds: float = 0.05
    run_seconds: float = 300.0
    linger_seconds: float = 0.5
    start_seconds: float = 30.0


@dataclass(frozen=True)
class Target:
    """`where`: HOST:PORT of the node under test; where it initiates, that of the kit. `spawner`: empty if the node has
    no sessions; then it has an `echo`. `type_declared` False: nobody has said the type, and it is the usual one of the
    profile. `durations`: as declared; those named in `declared` may be judged. `capacity`:
    how many responders its spawner may hold, None if undeclared. `own_address`: where the kit can be reached from the
    node (HOST:PORT, port 0: a free one); empty: where its connections come from; `NOWHERE`: it cannot. `node_address`:
    where the node listens, if it initiates. `stream`, `stream_index`: its stream service and its index worker."""

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
        """The first of its time-outs that could end a session of the kit's, if everything stood still."""
        durations = self.durations
        waits = [durations.negotiation_seconds, durations.idle_seconds or durations.negotiation_seconds]
        two_sided = self.session_type.renegotiation is Renegotiation.TWO_SIDED
        return min(*waits, durations.keepalive_seconds) if two_sided else min(waits)

    @property
    def host(self) -> Address:
        """The spawner's or static responder's address."""
        return local(self.spawner)

    @property
    def name(self) -> str:
        if not self.spawner:
            return f"tcp://{self.where}/{self.echo} (no sessions)"
        return f"tcp://{self.where}/{self.spawner} ({self.profile.name}, {self.session_type.name})"

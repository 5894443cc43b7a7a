"""What an implementation has to offer so that the kit can judge it in process: one end of a session, in four methods.

    deliver        a message arrived at one of its addresses
    advance        time passed; what is due by then has happened, in order
    order          the application, or the layer below, wants something
    take_outputs   what the end has said and told since it was last asked

Theory: an end is judged from outside. It is handed bytes, time and orders, and it is compared with our own session,
which is handed the same (oracle.py). What only chance decides, fresh addresses, is read off what the end says.

Rule 1: times are multiples of 1/16 s, which floating point adds without an error; there is no jitter.
Rule 2: a message is what a session worker sees: its return route leads back to the sender already. Everything travels
        over the hop `HOP`, and `carrier` says over what a message came (clause 5.4).
Rule 3: outputs are the commands of our own sessions. The order of one kind counts, the order of different kinds not.
Left out: reasons are not compared, but for `attempts exhausted` (clause 3.4), which is a promise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, TypeAlias

from ockam_fsm.kernel.errors import Error
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.session.commands import DeadLetter, Deliver, Notify, Send
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Profile
from ockam_fsm.runtime.session.knowledge import Terms

HOP = Address(TCP, b"peer:4000")
"""The one way between the two ends."""

HOST = local("host")
"""Where hellos for a responder arrive; for an initiator, where its own hellos go."""

BEYOND = local("beyond")
"""A worker behind the peer's end, to which data may be on its way."""

CONTACT = local("contact")
"""Where hellos for the initiator of a two-sided session arrive."""

OUTER = local("initiator")
"""What the initiator's application talks to."""

SESSION_ID = bytes(range(16))
OTHER_SESSION_ID = bytes(range(16, 32))

OUR_CARRIER, OTHER_CARRIER = "peer", "stranger"

DURATIONS = Durations(
    negotiation_seconds=8.0625,
    keepalive_seconds=4.125,
    idle_seconds=10.1875,
    retention_seconds=16.25,
    request_seconds=3.3125,
    back_off=BackOff(1.0, 2.0, 4.0, 0.0),
)
"""Short, different, and no two sums of a few of them alike."""

SHORTLY_SECONDS = 1 / 16
"""So long before a timer is due it has not expired yet."""


class Feature(Enum):
    """What an end may be able to do besides. What it does not claim is not judged."""

    DEAD_LETTERS = "dead letters"
    """It reports the messages of its application that will not be delivered (clause 7.5)."""
    CARRIERS = "carriers"
    """It knows over what a message came, and takes none of another carrier (clause 5.4)."""
    OWN_ADDRESSES = "own addresses"
    """It refuses a handshake message of another node whose return route ends at one of its own addresses (5.1)."""


@dataclass(frozen=True)
class EndpointUnderTest:
    """The end to be made. A responder is a host: it takes any session id at `HOST`, up to `capacity` of them.

    The limits are small, and large enough that something counted twice is not counted once, and that more requests may
    be open than find room to wait. `remembered` and `has_state`: what durable storage holds of the session `SESSION_ID`
    (0 and False: nothing).
    """

    session_type: SessionType
    role: Role
    profile: Profile = GENERATION
    attempts: int | None = 3
    held: int = 3
    misses: int = 2
    requests: int = 4
    capacity: int = 2
    durations: Durations = DURATIONS
    remembered: int = 0
    has_state: bool = False

    @property
    def name(self) -> str:
        again = " after a restart" if self.remembered else ""
        return f"{self.session_type.name} {self.role.name.lower()}{again}"

    @property
    def restarted(self) -> EndpointUnderTest:
        """The same end when it has been there before, and its storage has kept what it knew."""
        return replace(self, remembered=3, has_state=True)

    @property
    def two_sided(self) -> bool:
        return self.session_type.renegotiated_by(Role.RESPONDER)

    @property
    def session_id(self) -> bytes:
        return SESSION_ID if self.profile.names_sessions else b""

    @property
    def contact(self) -> Address | None:
        """Where this end takes hellos."""
        if self.role is Role.RESPONDER:
            return HOST
        return CONTACT if self.two_sided else None

    @property
    def own_route(self) -> Route:
        """The way to this end that its hellos carry (clause 5.3)."""
        return (HOP, CONTACT) if self.role is Role.INITIATOR and self.two_sided else ()

    @property
    def initialization_route(self) -> Route:
        return (HOP, HOST) if self.role is Role.INITIATOR else ()

    @property
    def settings(self) -> SessionConfig:
        """In profile `ockam` every responder is a transient one (clause 2.4)."""
        fresh = self.role is Role.RESPONDER and not self.profile.names_sessions
        return SessionConfig(
            EXPLICIT_TRANSIENT if fresh else self.session_type,
            self.role,
            self.profile,
            self.durations,
            attempts=self.attempts,
            held=self.held,
            misses=self.misses,
            requests=self.requests,
        )

    def terms(self, session_id: bytes, ordinal: int = 0) -> Terms:
        """Each responder has an outer address of its own."""
        outer = OUTER if self.role is Role.INITIATOR else local(f"outer {ordinal}")
        return Terms(session_id, outer, self.contact, self.own_route)


class Ordered(Enum):
    """What the application, or the layer below, may want."""

    OPEN = "open"
    SEND = "send"
    REQUEST = "request"
    WITHDRAW = "withdraw"
    RENEGOTIATE = "renegotiate"
    CLOSE = "close"
    STOP = "stop"
    LOWER_LAYER_LOST = "lower layer lost"


@dataclass(frozen=True, slots=True)
class Order:
    """One order. A host hands it to the responder that it made last."""

    what: Ordered
    payload: bytes = b""
    onward_route: Route = ()
    request: str = ""
    reissue: bool = False
    tracing_context: str | None = None


Output: TypeAlias = Send | Deliver | Notify | DeadLetter
"""A dead letter names a message of the end's own application: `DeadLetter(reason, Outgoing(payload))`."""


class Target(Protocol):
    """One end under test."""

    features: frozenset[Feature]

    def deliver(self, message: Message, carrier: str) -> None: ...

    def advance(self, seconds: float) -> None:
        """What is due now, or within `seconds` from now, happens. Called with 0 after everything else, unless an order
        comes in the same moment."""
        ...

    def order(self, order: Order) -> None:
        """Raises LocalSessionError if the end refuses it; then nothing has changed."""
        ...

    def take_outputs(self) -> Sequence[Output]: ...


class Unsupported(Error):
    """Raised by `make`: the implementation has no such end. Its clauses are not applicable."""


class TargetLost(Error):
    """The target is gone, or says nothing in time: nothing more can be learned from this one."""


Make: TypeAlias = Callable[[EndpointUnderTest], Target]

"""The interface of a target, which the kit judges in process: one end of a session, with four methods.

    deliver        a message has arrived at one of its addresses
    advance        time has passed; timers that are due expire, in order
    order          an order of the application or of the lower layer
    take_outputs   the messages, deliveries and notices since the last call

Theory: an end is judged from outside. It gets messages, time and orders, and its outputs are compared with those of the
reference session, which gets the same (oracle.py). Fresh addresses, which are random, are taken from its outputs.

Rule 1: times are multiples of 1/16 s, which floating point adds exactly; there is no jitter.
Rule 2: a message is as a session worker receives it: its return route already leads back to the sender. All messages go
        over the hop `HOP`; `carrier` is the connection over which one came (clause 5.4).
Rule 3: outputs are the commands of a reference session. The order within one kind counts, that between kinds does not.
Left out: reasons are not compared, except `attempts exhausted` (clause 3.4), which is specified.
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
from ockam_fsm.runtime.session.terms import Terms

HOP = Address(TCP, b"peer:4000")
"""The only hop between the two ends."""

HOST = local("host")
"""The address of the responders' host, which takes the initiator's hellos."""

BEYOND = local("beyond")
"""A worker beyond an end, to which data may be addressed."""

CONTACT = local("contact")
"""The address that takes hellos for the initiator of a two-sided session."""

OUTER = local("initiator")
"""The outer address of the initiator, to which its application sends."""

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
"""Short durations, all different, such that sums of a few of them differ, too."""

SHORTLY_SECONDS = 1 / 16
"""How long before its due time a timer is checked not to have expired."""


class Feature(Enum):
    """Optional features of an end. Only claimed features are judged."""

    DEAD_LETTERS = "dead letters"
    """The end reports messages of its application that will not be delivered (clause 7.5)."""
    CARRIERS = "carriers"
    """The end refuses messages that came over another carrier than its own (clause 5.4)."""
    OWN_ADDRESSES = "own addresses"
    """The end refuses a handshake message of another node whose return route ends at one of its own addresses (5.1)."""


@dataclass(frozen=True)
class EndpointUnderTest:
    """The declaration of an end to be made. A responder is a host: it takes up to `capacity` session ids at `HOST`.

    The limits are small, but large enough that counting twice differs from counting once; `requests`, the limit of open
    requests, is above `held`, the limit of held messages. `remembered` and `has_state`: the number and the state of the
    session `SESSION_ID` in durable storage (0 and False: nothing).
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
        """The same end after a restart, with its durable state."""
        return replace(self, remembered=3, has_state=True)

    @property
    def two_sided(self) -> bool:
        return self.session_type.renegotiated_by(Role.RESPONDER)

    @property
    def session_id(self) -> bytes:
        return SESSION_ID if self.profile.names_sessions else b""

    @property
    def contact(self) -> Address | None:
        """The address at which this end takes hellos; None if it takes none."""
        if self.role is Role.RESPONDER:
            return HOST
        return CONTACT if self.two_sided else None

    @property
    def own_route(self) -> Route:
        """The initialization route to this end that its hellos carry (clause 5.3)."""
        return (HOP, CONTACT) if self.role is Role.INITIATOR and self.two_sided else ()

    @property
    def initialization_route(self) -> Route:
        return (HOP, HOST) if self.role is Role.INITIATOR else ()

    @property
    def settings(self) -> SessionConfig:
        """The configuration of the end. In profile `ockam` every responder is transient (clause 2.4)."""
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
        """The terms of one session. Each responder has its own outer address."""
        outer = OUTER if self.role is Role.INITIATOR else local(f"outer {ordinal}")
        return Terms(session_id, outer, self.contact, self.own_route)


class Ordered(Enum):
    """The kinds of orders of the application and of the lower layer."""

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
    """One order. A host passes it to its newest responder."""

    what: Ordered
    payload: bytes = b""
    onward_route: Route = ()
    request: str = ""
    reissue: bool = False
    tracing_context: str | None = None


Output: TypeAlias = Send | Deliver | Notify | DeadLetter
"""A dead letter is a message of the end's own application: `DeadLetter(reason, Outgoing(payload))`."""


class Target(Protocol):
    """One end under test."""

    features: frozenset[Feature]

    def deliver(self, message: Message, carrier: str) -> None: ...

    def advance(self, seconds: float) -> None:
        """Let all timers expire that are due within `seconds` from now. Called with 0 after every other call, unless an
        order comes in the same moment."""
        ...

    def order(self, order: Order) -> None:
        """Carry out an order. Raises LocalSessionError: the end refuses it, and nothing has changed."""
        ...

    def take_outputs(self) -> Sequence[Output]: ...


class Unsupported(Error):
    """Raised by `make`: the implementation does not support this end. Its clauses are not applicable."""


class TargetLost(Error):
    """The target has ended or did not answer in time."""


TargetFactory: TypeAlias = Callable[[EndpointUnderTest], Target]

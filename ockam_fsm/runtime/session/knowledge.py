"""The data of one end of a session between two inputs.

Rule 1: empty fields of an idle session share one immutable object, and so do values that are equal in most sessions.
        So a live session takes less than 1 kB (`benchmarks/memory.py`).
Left out: the changes of these data, in `effects.py`, and the classification of messages, in `session.py`.
Source: spec/sessions.md sections 3, 4, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TypeAlias

from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.runtime.encoding.message import Address, Route
from ockam_fsm.runtime.session.commands import Command, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Entropy, Link
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.request import Outgoing, Request, RequestRecord


@dataclass(frozen=True, slots=True)
class Terms:
    """The fixed parameters of one session.

    `outer` is the address that the application sends to. `contact` is the address at which hellos for this end
    arrive: the host's address at a responder, an address of its own at an initiator that answers hellos, else None.
    `own_route` is the initialization route that a two-sided starter gives its peer (empty: the peer has one already).
    """

    session_id: bytes
    outer: Address
    contact: Address | None = None
    own_route: Route = ()


Waiting: TypeAlias = list[tuple[Outgoing, bool]] | tuple[()]
"""The held messages in order, each with whether it is reissued."""

NO_REQUESTS: Mapping[Hashable, Request] = MappingProxyType({})


@lru_cache(maxsize=1024)
def ranked(number: int, role: Role) -> tuple[int, Role]:
    """Return the pair of a generation's number and role. Most ends have small numbers, so they share these pairs;
    numbers come from peers, so the cache is bounded."""
    return number, role


@cache
def with_timer(armed: frozenset[Timer], timer: Timer) -> frozenset[Timer]:
    """Return a shared set: one for each session would take a tenth of an idle session's memory."""
    return armed | {timer}


@cache
def without_timer(armed: frozenset[Timer], timer: Timer) -> frozenset[Timer]:
    return armed - {timer}


class SessionData:
    """The data of one end of a session. `state`, `limits` and the counters are those of its table."""

    __slots__ = (
        "armed",
        "attempt",
        "attempt_protection",
        "attempts",
        "back_off_step",
        "commands",
        "confirmed",
        "current",
        "current_protection",
        "detail",
        "entropy",
        "established_in",
        "event",
        "follow_up",
        "has_state",
        "held",
        "initialization_route",
        "limits",
        "misses",
        "reason",
        "refusal",
        "requests",
        "resting",
        "seen",
        "settings",
        "state",
        "terms",
        "usable",
        "waiting",
    )

    def __init__(
        self,
        settings: SessionConfig,
        terms: Terms,
        entropy: Entropy,
        initialization_route: Route = (),
        *,
        remembered: int = 0,
        has_state: bool = False,
    ) -> None:
        """`remembered`: the number in durable state; `has_state`: durable state has the session's state as well."""
        self.settings = settings
        self.limits: Mapping[str, int | None] = settings.limits
        self.terms = terms
        self.entropy = entropy
        self.initialization_route = initialization_route
        self.state = State.IDLE
        self.attempts = self.held = self.misses = self.usable = self.resting = 0
        self.seen: tuple[int, int] = ranked(remembered, Role.INITIATOR if remembered else Role.RESPONDER)
        self.attempt: Link | None = None
        self.current: Link | None = None
        self.attempt_protection: Protection | None = None
        self.current_protection: Protection | None = None
        self.waiting: Waiting = ()
        self.requests: Mapping[Hashable, Request] = NO_REQUESTS
        self.has_state = has_state
        self.confirmed = int(has_state)
        self.established_in: Address | None = None
        """The starter's inner address in the generation that was adopted last. It is secret to its two ends."""
        self.reason = self.detail = self.refusal = ""
        self.back_off_step = 0
        self.armed: frozenset[Timer] = frozenset()
        self.event: Event | None = None
        self.commands: list[Command] | None = None
        self.follow_up: tuple[Outgoing, ...] = ()

    def emit(self, command: Command) -> None:
        if self.commands is None:
            self.commands = []
        self.commands.append(command)

    @property
    def largest(self) -> tuple[int, int]:
        """The largest generation seen, including that of an unconfirmed attempt."""
        return self.seen if self.attempt is None else max(self.seen, self.attempt.generation.rank)

    def closing(self, *, own: bool) -> Address | None:
        """Return the starter's address in a close without a messaging route: that of the last established generation;
        before the first one, that of the attempt. `own`: this end closes. If the peer closes, an attempt alone cannot
        end a session whose state was kept from an earlier incarnation."""
        attempt, kept = self.attempt, self.has_state and not own
        if self.established_in is not None or attempt is None or kept or self.is_own(attempt) is not own:
            return self.established_in
        return attempt.generation.address

    @property
    def peer_route(self) -> Route:
        """The route of this end's messages: the messaging route, or while there is none, the initialization route."""
        link = self.current or self.attempt
        return (link and link.route) or self.initialization_route

    def link_of(self, address: Address) -> Link | None:
        """Return the link of the generation that an address of this end belongs to."""
        for link in (self.attempt, self.current):
            if link is not None and (address == link.handshake or link.takes(address)):
                return link
        return None

    def is_own(self, link: Link) -> bool:
        """Whether this end started the negotiation of `link`."""
        return link.generation.starter is self.settings.role

    def _wait(self, place: int, outgoing: Outgoing, *, reissued: bool) -> None:
        waiting = self.waiting or []
        waiting.insert(place, (outgoing, reissued))
        self.waiting = waiting

    def _request(self, record: RequestRecord) -> Request:
        return Request(record, self.emit, self.settings.durations.request_seconds)

    def _begin_request(self, record: RequestRecord) -> None:
        request = self._request(record)
        if isinstance(self.requests, dict):
            self.requests[record.identifier] = request
        else:
            self.requests = {record.identifier: request}

    def _end_request(self, identifier: Hashable) -> Request:
        assert isinstance(self.requests, dict)
        request: Request = self.requests.pop(identifier)
        self.requests = self.requests or NO_REQUESTS
        return request

    def _set(self, timer: Timer, after_seconds: float) -> None:
        self.armed = with_timer(self.armed, timer)
        self.emit(SetTimer(timer, after_seconds))

"""The configuration of one kind of session: type, role, profile, limits and durations.

Rule 1: every capacity is declared here and enforced by the tables' counters; nothing grows without one.
Rule 2: a wrong configuration is a `DefinitionError` that lists every problem.
Source: spec/sessions.md sections 2 and 3; the default back-off is gRPC's (1 s, x 1.6, 20 % jitter, at most 120 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

from ockam_fsm.kernel.arguments import check_seconds, encode_utf8
from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.session import SessionMachine, table
from ockam_fsm.machines.vocabulary import Creation, Effect, Event, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.session.handshake import GENERATION, Profile

MAX_BACK_OFF_STEPS = 32
MAX_FACTOR = 1000.0
LEAST_SECONDS = 0.001
"""With less, a timer that is set anew whenever it is due could take all processor time of a node."""


def seconds_problems(config: object, *names: str, least: float = 0.0, optional: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the problems of fields that are durations: each is a finite number of seconds, or None where `optional`."""
    for name in names:
        seconds = getattr(config, name)
        if seconds is None and name in optional:
            continue
        try:
            check_seconds(name, seconds)
        except LocalSessionError as error:
            yield str(error)
        else:
            if seconds < least:
                yield f"{name}: {seconds} seconds, expected at least {least}"


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def text_problems(config: object, *names: str) -> Iterator[str]:
    """Yield the problems of fields that are texts: each can be encoded in UTF-8."""
    for name in names:
        text = getattr(config, name)
        try:
            if isinstance(text, str):
                encode_utf8(text)
            else:
                yield f"{name}: {shown(text)}, expected a text"
        except LocalSessionError:
            yield f"{name}: UTF-8 cannot encode it"


def count_problems(config: object, *names: str, least: int = 0) -> Iterator[str]:
    """Yield the problems of fields that are counts or sizes: each is a whole number from `least`."""
    for name in names:
        count = getattr(config, name)
        if type(count) is not int or count < least:
            yield f"{name}: {shown(count)}, expected a whole number from {least}"


@dataclass(frozen=True, slots=True)
class BackOff:
    """Exponential back-off: `initial_seconds` times `factor` to the power of earlier failures, at most `max_seconds`;
    then changed at random by at most the fraction `jitter`, up or down."""

    initial_seconds: float = 1.0
    factor: float = 1.6
    max_seconds: float = 120.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        problems = [*seconds_problems(self, "initial_seconds", "max_seconds", least=LEAST_SECONDS)]
        if not _is_number(self.factor) or not 1 <= self.factor <= MAX_FACTOR:
            problems.append(f"factor: {shown(self.factor)}, expected a number from 1 to {MAX_FACTOR}")
        if not _is_number(self.jitter) or not 0 <= self.jitter <= 1:
            problems.append(f"jitter: {shown(self.jitter)}, expected a number from 0 to 1")
        if problems:
            raise DefinitionError("back-off", problems)

    def delay_seconds(self, failures_before: int, fraction: float) -> float:
        """Return the delay after `failures_before` failures. `fraction` in [0, 1) is the random part of the jitter."""
        plain = min(self.initial_seconds * self.factor ** min(failures_before, MAX_BACK_OFF_STEPS), self.max_seconds)
        return plain * (1.0 + self.jitter * (2.0 * fraction - 1.0))


def back_off_problems(config: object, *names: str) -> Iterator[str]:
    """Yield the problems of fields that are back-offs."""
    for name in names:
        if not isinstance(getattr(config, name), BackOff):
            yield f"{name}: {shown(getattr(config, name))}, expected a BackOff"


@dataclass(frozen=True, slots=True)
class Durations:
    """The durations of the timers, in seconds. `idle_seconds` None: this end has no idle timer."""

    negotiation_seconds: float = 10.0
    keepalive_seconds: float = 15.0
    idle_seconds: float | None = 90.0
    retention_seconds: float = 600.0
    request_seconds: float = 10.0
    back_off: BackOff = BackOff()

    def __post_init__(self) -> None:
        names = ("negotiation_seconds", "keepalive_seconds", "idle_seconds", "retention_seconds", "request_seconds")
        problems = [*seconds_problems(self, *names, least=LEAST_SECONDS, optional=("idle_seconds",))]
        problems += back_off_problems(self, "back_off")
        if problems:
            raise DefinitionError("durations", problems)


@dataclass(frozen=True)
class SessionConfig:
    """One kind of session at one end.

    `attempts` None is unlimited, which only a persistent initiator may be. `held` is the capacity for messages that
    wait (0: they are refused); None is the default: 1000 in implicit and in persistent sessions, 0 in explicit
    transient ones. `variant` is a table to run instead of the type's own, such as a mutant.

    Raises:
        DefinitionError: the configuration is wrong; every problem is listed.
    """

    session_type: SessionType
    role: Role
    profile: Profile = GENERATION
    durations: Durations = Durations()
    attempts: int | None = 5
    held: int | None = None
    misses: int = 3
    requests: int = 1000
    variant: SessionMachine | None = None

    def __post_init__(self) -> None:
        if problems := list(self._wrong_types()):
            raise DefinitionError("session config", problems)
        if problems := list(self._problems()):
            raise DefinitionError(f"session config of {self.machine.name}", problems)

    def __getstate__(self) -> dict[str, object]:
        """Return the fields. Cached properties (a driver) are computed again after unpickling."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def machine(self) -> SessionMachine:
        return self.variant or table(self.session_type, self.role)

    @cached_property
    def driver(self) -> Driver[State, Event, Effect]:
        return driver_for(self.machine, private_effects=True)

    @cached_property
    def events(self) -> frozenset[Event]:
        return frozenset(self.machine.events)

    @cached_property
    def limits(self) -> Mapping[str, int | None]:
        return {
            "attempts": self.attempts,
            "held": self.held_limit,
            "misses": self.misses,
            "usable": 1,
            "confirmed": 1,
            "resting": 1,
        }

    @property
    def held_limit(self) -> int:
        if self.held is not None:
            return self.held
        waits = self.session_type.persistent or self.session_type.creation is Creation.IMPLICIT
        return 1000 if waits else 0

    def _wrong_types(self) -> Iterator[str]:
        kinds = {"session_type": SessionType, "role": Role, "durations": Durations}
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                yield f"{name}: {shown(getattr(self, name))}, expected a {kind.__name__}"
        if not isinstance(self.profile, Profile):
            yield f"profile: {shown(self.profile)}, expected a Profile: OCKAM, GENERATION or a `secure_profile`"
        optional = tuple(name for name in ("attempts", "held") if getattr(self, name) is not None)
        for name in (*optional, "misses", "requests"):
            if type(getattr(self, name)) is not int:
                yield f"{name}: {shown(getattr(self, name))}, expected a whole number"

    def _problems(self) -> Iterator[str]:
        implicit = self.session_type.creation is Creation.IMPLICIT
        if self.attempts is None and not (self.session_type.persistent and self.role is Role.INITIATOR):
            yield "attempts: only a persistent initiator may be unlimited; give a number"
        if self.attempts is not None and self.attempts < 1:
            yield f"attempts: {self.attempts}, expected at least 1"
        if implicit and self.held_limit < 1:
            yield "held: an implicit session has to hold the message that creates it; give at least 1"
        if min(self.held_limit, self.misses, self.requests) < 0:
            yield "held, misses and requests: expected at least 0"
        if self.session_type.renegotiation is Renegotiation.TWO_SIDED and not self.profile.names_sessions:
            yield f"profile {self.profile.name} has no generations: a two-sided session needs profile generation"
        elif self.session_type.persistent and self.role is Role.RESPONDER and not self.profile.names_sessions:
            yield f"profile {self.profile.name} has no session ids: its responders are transient (clause 2.4)"

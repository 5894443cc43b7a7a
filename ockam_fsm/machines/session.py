"""The six session types and their twelve tables, composed from the parts.

The composition reads like the definition of a type: creation, negotiation, supervision of the peer, failure, waiting
messages. `spec/tables/` has the resulting tables.
Source: the discussion, "Session types"; spec/sessions.md section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ockam_fsm.kernel import machine as kernel
from ockam_fsm.kernel.arguments import look_up
from ockam_fsm.kernel.machine import Row
from ockam_fsm.machines import parts, persistence
from ockam_fsm.machines.parts import Part
from ockam_fsm.machines.vocabulary import (
    ATTEMPTS,
    CONFIRMED,
    HELD,
    MISSES,
    RESTING,
    USABLE,
    Creation,
    Effect,
    Event,
    Renegotiation,
    Role,
    SessionType,
    State,
)

SessionMachine: TypeAlias = kernel.Machine[State, Event, Effect]

EXPLICIT_TRANSIENT = SessionType(
    Creation.EXPLICIT, Renegotiation.NONE, "opened by an API call, ends with its first failure: a secure channel"
)
IMPLICIT_TRANSIENT = SessionType(
    Creation.IMPLICIT, Renegotiation.NONE, "created by the message it forwards, ends with its first failure: TCP"
)
EXPLICIT_PERSISTENT_ONE_SIDED = SessionType(
    Creation.EXPLICIT, Renegotiation.ONE_SIDED, "opened by an API call, renewed by its initiator: a stream publisher"
)
IMPLICIT_PERSISTENT_ONE_SIDED = SessionType(
    Creation.IMPLICIT, Renegotiation.ONE_SIDED, "created and renewed by the messages it forwards: a reconnecting client"
)
EXPLICIT_PERSISTENT_TWO_SIDED = SessionType(
    Creation.EXPLICIT, Renegotiation.TWO_SIDED, "opened by an API call, renewed by either end: a relay"
)
IMPLICIT_PERSISTENT_TWO_SIDED = SessionType(
    Creation.IMPLICIT, Renegotiation.TWO_SIDED, "created by a message, renewed by whichever end has one to send"
)
TYPES: tuple[SessionType, ...] = (
    EXPLICIT_TRANSIENT,
    IMPLICIT_TRANSIENT,
    EXPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    IMPLICIT_PERSISTENT_TWO_SIDED,
)


def session_type_of(name: SessionType | str) -> SessionType:
    """Return a session type by its name, as `ockam-fsm types` prints it. Raises LocalSessionError: no such type."""
    return name if isinstance(name, SessionType) else look_up("session type", name, _TYPES)


def role_of(name: Role | str) -> Role:
    """Return a role by its name, `initiator` or `responder`. Raises LocalSessionError: no such role."""
    return name if isinstance(name, Role) else look_up("role", name, _ROLES)


def table(session_type: SessionType | str, role: Role | str) -> SessionMachine:
    """Return the machine of one role of a session type. It is made once and shared by all its sessions.

    Raises:
        LocalSessionError: there is no such type or role.
    """
    return _TABLES[session_type_of(session_type).name, role_of(role)]


def compose(session_type: SessionType, role: Role) -> SessionMachine:
    chosen = _persistent(session_type, role) if session_type.persistent else _transient(session_type.creation, role)
    composed = tuple(chosen)
    name = f"{session_type.name} {role.name.lower()}"
    decisions = [decision for part in composed for decision in part.decisions]
    mentioned = {decision.event for decision in decisions}
    moved = {update.counter for d in decisions if isinstance(d, Row) for update in d.updates}
    events = tuple(event for event in Event if event in mentioned)
    counters = tuple(c for c in (ATTEMPTS, HELD, MISSES, USABLE, CONFIRMED, RESTING) if c.name in moved)
    return kernel.Machine(name, State.IDLE, (State.CLOSED,), events, counters, composed)


def _transient(creation: Creation, role: Role) -> Iterator[Part]:
    wait = Effect.START_ZERO_BACK_OFF
    if role is Role.RESPONDER:
        yield parts.created_by_hello()
        yield parts.answering("QT", parts.WATCH_BY_SILENCE)
        yield parts.exchanging_data("ES", parts.WATCH_BY_SILENCE)
        yield parts.detecting_silence("ST", wait)
    elif creation is Creation.EXPLICIT:
        yield parts.created_by_order("XT", ())
        yield parts.own_negotiation("NT", parts.WATCH_BY_KEEPALIVE, wait)
        yield parts.exchanging_data("EK", parts.WATCH_BY_KEEPALIVE)
    else:
        yield parts.created_by_message("MT", ())
        yield parts.own_negotiation("NTI", parts.WATCH_BY_KEEPALIVE_AND_USE, wait)
        yield parts.exchanging_data("EU", parts.WATCH_BY_KEEPALIVE_AND_USE)
        yield parts.closing_unused("UT")
    if role is Role.INITIATOR:
        yield parts.unexpected_answers("YT", wait)
        yield parts.sending_keepalives("KT", wait)
    yield parts.failing("FT", wait)
    yield parts.ending_with_failure("TT", starts=role is Role.INITIATOR)
    yield parts.holding("HT", State.NEGOTIATING)
    yield parts.withdrawing("IT", State.NEGOTIATING, State.TIMED_OUT)
    if role is Role.RESPONDER:
        yield parts.closed_at_contact("CT", State.NEGOTIATING, State.ESTABLISHED, State.TIMED_OUT)
    there = (State.IDLE, State.NEGOTIATING, State.ESTABLISHED, State.TIMED_OUT)
    yield parts.closing("ZT", *there)
    yield parts.stopping("LT", *there)


def _persistent(session_type: SessionType, role: Role) -> Iterator[Part]:
    yield from _beginning(session_type.creation, role)
    two_sided = session_type.renegotiation is Renegotiation.TWO_SIDED
    if session_type.renegotiated_by(role):
        yield from _renegotiating(session_type.creation, role, answers=two_sided)
    else:
        yield from _waiting()
    yield parts.holding("HP", State.NEGOTIATING, State.RENEGOTIATING)
    yield parts.withdrawing("IP", State.NEGOTIATING, State.RENEGOTIATING, State.TIMED_OUT)
    yield persistence.reissuing("J", answers=role is Role.RESPONDER or two_sided)
    there = tuple(state for state in State if state is not State.CLOSED)
    if role is Role.RESPONDER:
        yield persistence.never_confirmed("U")
    if role is Role.RESPONDER or two_sided:
        yield parts.closed_at_contact("C", *there[1:])
    yield parts.closing("ZP", *there)
    yield parts.stopping("LP", *there)


def _beginning(creation: Creation, role: Role) -> Iterator[Part]:
    if role is Role.RESPONDER:
        yield parts.created_by_hello()
        yield persistence.restarted_with_memory()
        return
    counted = (ATTEMPTS.increment,)
    explicit = creation is Creation.EXPLICIT
    yield parts.created_by_order("XP", counted) if explicit else parts.created_by_message("MP", counted)
    yield parts.own_negotiation("NP", parts.WATCH_BY_KEEPALIVE, Effect.START_BACK_OFF)


def _renegotiating(creation: Creation, role: Role, *, answers: bool) -> Iterator[Part]:
    watch, wait, implicit = parts.WATCH_BY_KEEPALIVE, Effect.START_BACK_OFF, creation is Creation.IMPLICIT
    if answers:
        yield (
            parts.answering("QO", watch, parts.PROOF)
            if role is Role.INITIATOR
            else parts.answering("QR", watch, parts.PROOF, parts.KEPT)
        )
        yield persistence.answering_again("RO", watch, wait, parts.PROOF)
        yield persistence.previous_generation("V")
        yield (
            persistence.hello_during_back_off("WI", (RESTING.reset,))
            if implicit
            else persistence.hello_during_back_off("WX", ())
        )
    yield parts.unexpected_answers("YO", wait)
    yield parts.exchanging_data("EP", watch, parts.PROOF)
    yield parts.sending_keepalives("KO", wait, parts.PROOF)
    initiates = role is Role.INITIATOR
    yield parts.failing("FO", wait) if initiates else parts.failing("FR", wait, parts.CONFIRMED_BEFORE)
    yield persistence.closed_by_peer("PO", wait, starts=initiates)
    yield persistence.own_renegotiation("GB" if answers else "GO", watch, guarded=answers)
    if not implicit:
        yield persistence.renegotiating_after_back_off("BX")
        yield parts.holding("HX", State.TIMED_OUT)
    else:
        responder = role is Role.RESPONDER
        yield (
            persistence.renegotiating_on_demand("BR", (Effect.START_RETENTION,))
            if responder
            else (persistence.renegotiating_on_demand("BM", ()))
        )
        yield parts.holding("HM", State.TIMED_OUT, resting=True)
        if responder:
            yield persistence.resting_responder("BS")


def _waiting() -> Iterator[Part]:
    watch, wait = parts.WATCH_BY_SILENCE, Effect.START_RETENTION
    yield parts.answering("QW", watch, kept=parts.KEPT)
    yield persistence.answering_again("RW", watch, wait)
    yield persistence.previous_generation("V")
    yield persistence.waiting_for_hello("DW")
    yield parts.exchanging_data("ES", watch)
    yield parts.detecting_silence("SW", wait)
    yield parts.failing("FW", wait, parts.CONFIRMED_BEFORE)
    yield persistence.closed_by_peer("PW", wait, starts=False)
    yield parts.holding("HX", State.TIMED_OUT)


_TABLES = {(session_type.name, role): compose(session_type, role) for session_type in TYPES for role in Role}
_TYPES = {session_type.name: session_type for session_type in TYPES}
_ROLES = {role.name.lower(): role for role in Role}

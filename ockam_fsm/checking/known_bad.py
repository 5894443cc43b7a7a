"""Machines that must be rejected. They prove that the checks have teeth, and they document why the rules exist.

Rule 1: each differs from the real thing in one respect, in its table if it can, else in one method of the session.
Rule 2: each names the property that rejects it. Every S and R property has at least one machine of its own here.
Rule 3: the counterexample is a shortest one, so that a reader sees at a glance what goes wrong.
Source: spec/sessions.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from ockam_fsm.checking.node_world import wrong_nodes
from ockam_fsm.checking.session_actor import (
    INITIATOR,
    OPEN,
    REQUEST,
    RESPONDER,
    RESTART_LOSING,
    SEND,
    Setting,
)
from ockam_fsm.checking.world import Network, World
from ockam_fsm.checking.worlds import closed, data, lossy, ockam, restarts, setting_of, world_of
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Row
from ockam_fsm.machines.parts import ASK, Effects
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    SessionMachine,
    table,
)
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType, State
from ockam_fsm.runtime.commands import Command, Deliver, Notify, RequestTimedOut
from ockam_fsm.runtime.effects import Cause, Inbound
from ockam_fsm.runtime.handshake import Place
from ockam_fsm.runtime.link import Link, Purpose
from ockam_fsm.runtime.message import Address, local
from ockam_fsm.runtime.request import Outgoing, Request, RequestRecord
from ockam_fsm.runtime.session import Session
from ockam_fsm.runtime.signals import Answer, Data, Hello

ONE_SIDED, TWO_SIDED = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED


@dataclass(frozen=True)
class KnownBad:
    """A wrong machine in a world that shows it. `because` is why the rule that it breaks exists."""

    name: str
    because: str
    property: str
    world: World


# Wrong tables ---------------------------------------------------------------------------------------------------------


def without_effect(machine: SessionMachine, name: str, *effects: Effect) -> SessionMachine:
    """The machine with some effects taken out of every row."""
    changed = [
        replace(row, effects=tuple(effect for effect in row.effects if effect not in effects))
        for row in machine.rows
        if set(effects) & set(row.effects)
    ]
    return machine.with_rows(f"{name} {machine.name}", *changed)


def with_row(machine: SessionMachine, name: str, row_id: str, target: State, effects: Effects) -> SessionMachine:
    """The machine in which one row leads elsewhere and does something else."""
    row: Row[State, Event, Effect] = next(row for row in machine.rows if row.id == row_id)
    return machine.with_rows(f"{name} {machine.name}", replace(row, target=target, effects=effects))


def _both(
    kind: SessionType, edit: Callable[[SessionMachine], SessionMachine]
) -> tuple[tuple[Role, SessionMachine], ...]:
    return tuple((role, edit(table(kind, role))) for role in Role)


# Wrong sessions -------------------------------------------------------------------------------------------------------


class NoGeneration(Session):
    """Answers are believed whatever they answer, at an address that never changes."""

    __slots__ = ()

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        own = self.attempt is not None and self.is_own(self.attempt)
        return Event.ANSWER_CURRENT if own else Event.ANSWER_STALE

    def start_attempt(self, cause: Cause) -> None:
        super().start_attempt(cause)
        assert self.attempt is not None
        self.attempt = _readdressed(self.attempt)


class EstablishedOnAnswering(Session):
    """The responder is established as soon as it has answered."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        before = self.attempt
        super()._judge_hello(inbound, hello, place)
        if self.attempt is not None and self.attempt != before and not self.is_own(self.attempt):
            if self.current is not None:
                self._fire(Event.PREVIOUS_ENDED)
            self._fire(Event.CONFIRMED, inbound)


class ReuseInnerAddress(Session):
    """Every generation uses the same inner address."""

    __slots__ = ()

    def start_attempt(self, cause: Cause) -> None:
        super().start_attempt(cause)
        assert self.attempt is not None
        self.attempt = _readdressed(self.attempt)

    def accept_attempt(self, cause: Cause) -> None:
        super().accept_attempt(cause)
        assert self.attempt is not None
        self.attempt = self.attempt._replace(inner=_fixed(self.attempt.inner))


class FirstEstablishedWins(Session):
    """In a collision each end answers the other's hello and goes on with its own attempt."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        own = self.attempt is not None and self.is_own(self.attempt)
        generation = hello.generation
        if not own or self.attempt is None or self.attempt.generation.number != generation.number:
            super()._judge_hello(inbound, hello, place)
            return
        inner = self.entropy.address(generation.number, generation.starter, Purpose.WORKER)
        answer = Answer(self.terms.session_id, generation, inner, self.has_state)
        self._send(inbound.message.return_route, (inner,), answer)


class LateResponseCounts(Session):
    """A request that timed out stays open, so its late response is an outcome as well."""

    __slots__ = ()

    def _request_expired(self, identifier: Hashable) -> None:
        if identifier in self.requests:
            self.emit(Notify(RequestTimedOut(identifier)))


class ForgetHeldMessages(Session):
    """Held messages vanish when the session closes."""

    __slots__ = ()

    def discard_held(self, cause: Cause) -> None:
        self.waiting = ()


class DeliverBeforeEstablished(Session):
    """Data at the address of an unconfirmed answer is delivered and confirms nothing."""

    __slots__ = ()

    def _judge_talk(self, inbound: Inbound, link: Link) -> None:
        if link is self.attempt and not self.is_own(link) and isinstance(inbound.signal, Data):
            self.emit(Deliver(inbound.signal.payload, (), (self.terms.outer,)))
            return
        super()._judge_talk(inbound, link)


class UnboundedHold(Session):
    """What does not fit is held all the same."""

    __slots__ = ()

    def send(self, outgoing: Outgoing) -> list[Command]:
        try:
            return super().send(outgoing)
        except EventRefused:
            if self.state in (State.IDLE, State.CLOSED):
                raise
            self._wait(len(self.waiting), outgoing, reissued=False)
            return []


class LoseStateOnRenegotiation(Session):
    """The session's state is lost when another generation is adopted."""

    __slots__ = ()

    def adopt_link(self, cause: Cause) -> None:
        had_state = self.has_state
        super().adopt_link(cause)
        self.has_state = not had_state


class _Untimed(Request):
    __slots__ = ()

    def start_request(self, cause: object) -> None:
        """No timer is started."""


class NoRequestTimer(Session):
    """Requests have no timer."""

    __slots__ = ()

    def _request(self, record: RequestRecord) -> Request:
        return _Untimed(record, self.emit)


def _fixed(address: Address) -> Address:
    """The same address for every generation of an end."""
    return local(address.value.partition(b"/")[0] + b"/fixed")


def _readdressed(link: Link) -> Link:
    inner = _fixed(link.inner)
    return link._replace(inner=inner, generation=link.generation._replace(address=inner))


# The list -------------------------------------------------------------------------------------------------------------


def _session(make: type[Session], kind: SessionType = ONE_SIDED) -> Setting:
    return replace(setting_of(kind), make=make)


def _table(kind: SessionType, edit: Callable[[SessionMachine], SessionMachine]) -> Setting:
    return replace(setting_of(kind), variants=_both(kind, edit))


def _requests(setting: Setting) -> World:
    orders = {INITIATOR: {OPEN: 1, REQUEST: 1}}
    return world_of(setting, "requests", Network("unordered", 2, ("drop",)), orders)


def _reordered_data(setting: Setting) -> World:
    setting = replace(setting, distinct=True)
    orders = {INITIATOR: {OPEN: 1, SEND: 2}}
    return world_of(setting, "data", Network("unordered", 3, ("drop", "duplicate")), orders)


def _lost_responder(setting: Setting) -> World:
    network = Network("unordered", 2, ("drop", "duplicate"))
    return world_of(setting, "restarts", network, {INITIATOR: {OPEN: 1}}, {RESPONDER: {RESTART_LOSING: 1}})


def _responder_renegotiates() -> Setting:
    """A one-sided session whose responder runs the table of a two-sided one."""
    return replace(setting_of(ONE_SIDED), variants=((Role.RESPONDER, table(TWO_SIDED, Role.RESPONDER)),))


def _dropping(kind: SessionType, name: str, *effects: Effect) -> Setting:
    return _table(kind, lambda machine: without_effect(machine, name, *effects))


def _restarting_at_once(machine: SessionMachine) -> SessionMachine:
    rows = {row.id for row in machine.rows}
    return with_row(machine, "retry-without-back-off", "GO7", State.RENEGOTIATING, ASK) if "GO7" in rows else machine


def _renegotiating(machine: SessionMachine) -> SessionMachine:
    initiator = any(row.id == "XT1" for row in machine.rows)
    return with_row(machine, "transient-renegotiates", "TT1", State.NEGOTIATING, ASK) if initiator else machine


def _overtaking(machine: SessionMachine) -> SessionMachine:
    hold = (Effect.HOLD,)
    rows = {row.id for row in machine.rows}
    return with_row(machine, "held-overtakes-reissued", "J3", State.RENEGOTIATING, hold) if "J3" in rows else machine


def _deaf(machine: SessionMachine) -> SessionMachine:
    rows = {row.id for row in machine.rows}
    answer = (Effect.ANSWER_KEEPALIVE,)
    return with_row(machine, "deaf-responder", "ES3", State.ESTABLISHED, answer) if "ES3" in rows else machine


def _uncounted(machine: SessionMachine) -> SessionMachine:
    changed = [replace(row, updates=()) for row in machine.rows if row.id == "BX1"]
    return machine.with_rows(f"uncounted-attempts {machine.name}", *changed)


def _members() -> Iterator[KnownBad]:
    yield KnownBad(
        "no-generation", "an answer to an earlier attempt would be believed", "S4", lossy(_session(NoGeneration))
    )
    yield KnownBad(
        "established-on-answering", "a duplicated hello would replace a live session", "S7",
        _lost_responder(_session(EstablishedOnAnswering)),
    )  # fmt: skip
    yield KnownBad(
        "no-superseded", "an end that lost its state would have to wait until its peer is reaped", "W9",
        restarts(_dropping(ONE_SIDED, "no-superseded", Effect.SEND_SUPERSEDED)),
    )  # fmt: skip
    yield KnownBad(
        "no-negotiation-timer", "a lost hello would be waited for, for ever", "R1",
        closed(_dropping(ONE_SIDED, "no-negotiation-timer", Effect.START_NEGOTIATION)),
    )  # fmt: skip
    yield KnownBad(
        "no-keepalive", "a peer that fell silent would be noticed by nobody", "R2",
        closed(_dropping(ONE_SIDED, "no-keepalive", Effect.START_KEEPALIVE)),
    )  # fmt: skip
    yield KnownBad(
        "no-request-timer",
        "a lost response would be waited for, for ever",
        "R3",
        ockam(_session(NoRequestTimer, EXPLICIT_TRANSIENT)),
    )
    yield KnownBad(
        "retry-without-back-off", "a peer that is gone would be asked without pause", "S16",
        closed(_table(ONE_SIDED, _restarting_at_once)),
    )  # fmt: skip
    yield KnownBad(
        "reuse-inner-address", "data of one generation would be delivered in another", "S9",
        _reordered_data(_session(ReuseInnerAddress)),
    )  # fmt: skip
    yield KnownBad(
        "never-reap", "responders of initiators that are gone would pile up", "R5",
        lossy(_dropping(ONE_SIDED, "never-reap", Effect.START_RETENTION)),
    )  # fmt: skip
    yield KnownBad(
        "first-established-wins", "a collision would end in two sessions, each end in its own", "S7",
        lossy(_session(FirstEstablishedWins, TWO_SIDED)),
    )  # fmt: skip
    yield KnownBad(
        "late-response-counts", "a request would have two outcomes", "S8", _requests(_session(LateResponseCounts))
    )
    yield KnownBad(
        "forget-held-messages", "accepted messages would vanish without a trace", "S11",
        data(_session(ForgetHeldMessages)),
    )  # fmt: skip
    yield KnownBad(
        "held-overtakes-reissued", "a publisher's messages would be stored out of order", "S13",
        data(_table(TWO_SIDED, _overtaking)),
    )  # fmt: skip
    yield KnownBad(
        "transient-renegotiates", "a transient session would come back without its state", "S2",
        lossy(_table(EXPLICIT_TRANSIENT, _renegotiating)),
    )  # fmt: skip
    yield KnownBad(
        "responder-renegotiates", "both ends of a one-sided session would negotiate", "S6",
        lossy(_responder_renegotiates()),
    )  # fmt: skip
    yield KnownBad(
        "deliver-before-established", "data would be delivered in a session that never comes to be", "S1",
        _reordered_data(_session(DeliverBeforeEstablished)),
    )  # fmt: skip
    yield KnownBad(
        "route-outlives-failure", "a messaging route would be used after its generation ended", "S5",
        closed(_dropping(ONE_SIDED, "route-outlives-failure", Effect.FORGET_ROUTE)),
    )  # fmt: skip
    yield KnownBad(
        "unbounded-hold", "a sender could fill the memory of a session that is away", "S12",
        _reordered_data(_session(UnboundedHold)),
    )  # fmt: skip
    yield KnownBad(
        "lose-state-on-renegotiation", "a persistent session would forget what persists", "S3",
        closed(_session(LoseStateOnRenegotiation)),
    )  # fmt: skip
    yield KnownBad(
        "closing-untold", "an owner would go on with a session that is over", "S17",
        lossy(_dropping(EXPLICIT_TRANSIENT, "closing-untold", Effect.NOTIFY_CLOSED)),
    )  # fmt: skip
    yield KnownBad(
        "unwatched-peer", "a responder would never notice that its peer is gone", "S18",
        lossy(_dropping(ONE_SIDED, "unwatched-peer", Effect.START_IDLE)),
    )  # fmt: skip
    yield KnownBad(
        "deaf-responder", "a peer that is alive would be given up", "S19", lossy(_table(ONE_SIDED, _deaf))
    )  # fmt: skip
    yield KnownBad(
        "uncounted-attempts", "a peer that is gone would be asked for ever", "S20", lossy(_table(ONE_SIDED, _uncounted))
    )  # fmt: skip
    yield KnownBad(
        "unanswered-keepalive", "a session that is alive would be taken for dead", "S21",
        lossy(_dropping(ONE_SIDED, "unanswered-keepalive", Effect.ANSWER_KEEPALIVE)),
    )  # fmt: skip


@cache
def wrong_sessions() -> tuple[KnownBad, ...]:
    """The wrong sessions and hosts, each world named after its machine."""
    return tuple(replace(one, world=replace(one.world, name=one.name)) for one in _members())


@cache
def known_bad() -> tuple[KnownBad, ...]:
    """All of them: the wrong sessions, and the wrong nodes."""
    return (*wrong_sessions(), *(KnownBad(*wrong) for wrong in wrong_nodes()))

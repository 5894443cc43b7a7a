"""Known-bad machines, which the checks must reject. Each documents the consequence of breaking one rule.

Rule 1: each differs from the real machine in one respect: in its table if possible, else in its code.
Rule 2: each names the property that rejects it. Every S and R property has at least one machine of its own here.
Rule 3: the counterexample is a shortest one, so that the fault is easy to see.
Source: spec/sessions.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from ockam_fsm.checking.sessions.greedy_world import wrong_accounts
from ockam_fsm.checking.sessions.mutant_sessions import (
    CloseBelievedFromAnybody,
    CloseToThePast,
    DeadlineFailsSession,
    DeliverBeforeEstablished,
    DropsInSilence,
    EstablishedOnAnswering,
    FirstEstablishedWins,
    ForgetHeldMessages,
    LateResponseCounts,
    LoseStateOnRenegotiation,
    NoGeneration,
    NoRequestTimer,
    ReuseInnerAddress,
    UnboundedHold,
    UnconfirmedNumberStays,
)
from ockam_fsm.checking.sessions.node_world import wrong_nodes
from ockam_fsm.checking.sessions.open_environment import strangers
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.secure_worlds import among_strangers, in_channel, secure
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, RESTART_KEEPING, RESTART_LOSING
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.checking.sessions.worlds import closed, config_of, lossy, ockam, orders, reopened, world_of
from ockam_fsm.checking.world import Network, World
from ockam_fsm.kernel.machine import Row
from ockam_fsm.machines.parts import ASK, EMPTIED, LEAVE, Effects
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    SessionMachine,
    table,
)
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType, State
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.session_step import OPEN, REQUEST, SEND, WITHDRAW

ONE_SIDED, TWO_SIDED = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED


@dataclass(frozen=True)
class KnownBad:
    """A wrong machine in a world that exposes it. `because`: the consequence of breaking its rule."""

    name: str
    because: str
    property: str
    world: World


# Wrong tables ---------------------------------------------------------------------------------------------------------


def without_effect(machine: SessionMachine, name: str, *effects: Effect) -> SessionMachine:
    """Return the machine with these effects removed from every row."""
    changed = [
        replace(row, effects=tuple(effect for effect in row.effects if effect not in effects))
        for row in machine.rows
        if set(effects) & set(row.effects)
    ]
    return machine.with_rows(f"{name} {machine.name}", *changed)


def with_row(machine: SessionMachine, name: str, row_id: str, target: State, effects: Effects) -> SessionMachine:
    """Return the machine with another target and other effects in one row."""
    row: Row[State, Event, Effect] = next(row for row in machine.rows if row.id == row_id)
    return machine.with_rows(f"{name} {machine.name}", replace(row, target=target, effects=effects))


def _both(
    kind: SessionType, edit: Callable[[SessionMachine], SessionMachine]
) -> tuple[tuple[Role, SessionMachine], ...]:
    return tuple((role, edit(table(kind, role))) for role in Role)


# The list -------------------------------------------------------------------------------------------------------------


def _session(make: type[Session], kind: SessionType = ONE_SIDED) -> PairConfig:
    return replace(config_of(kind), make=make)


def _table(kind: SessionType, edit: Callable[[SessionMachine], SessionMachine]) -> PairConfig:
    return replace(config_of(kind), variants=_both(kind, edit))


def _requests(config: PairConfig, *more: str) -> World:
    given = {INITIATOR: dict.fromkeys((OPEN, REQUEST, *more), 1)}
    return world_of(config, "requests", Network("unordered", 2, ("drop",)), given)


def _reordered_data(config: PairConfig) -> World:
    config = replace(config, distinct=True)
    given = {INITIATOR: {OPEN: 1, SEND: 2}}
    return world_of(config, "data", Network("unordered", 3, ("drop", "duplicate")), given)


def _lost_responder(config: PairConfig) -> World:
    network = Network("unordered", 2, ("drop", "duplicate"))
    return world_of(config, "restarts", network, {INITIATOR: {OPEN: 1}}, {RESPONDER: {RESTART_LOSING: 1}})


def _returned_responder(config: PairConfig) -> World:
    config, network = replace(config, misses=0), Network("unordered", 1, ("drop",))
    return world_of(config, "faults", network, {INITIATOR: {OPEN: 1}}, {RESPONDER: {RESTART_KEEPING: 1}})


def _lost_initiator(config: PairConfig) -> World:
    network, losing = Network("unordered", 1, ("drop", "duplicate")), {INITIATOR: {RESTART_LOSING: 1}}
    return world_of(config, "restarts", network, {INITIATOR: {OPEN: 1}}, losing, ("W1", "W9"))


def _reissued(config: PairConfig) -> World:
    config = replace(config, distinct=True, held=2, reissue=True, generations=2, misses=0)
    given = {INITIATOR: {OPEN: 1, REQUEST: 1, SEND: 1}}
    return world_of(config, "data", Network("unordered", 2, ("drop", "duplicate")), given)


def _two_sent(config: PairConfig) -> World:
    """Both messages fit into the network, so that each loss is a step of its own."""
    return world_of(config, "secure", Network("unordered", 3, ("drop",)), {INITIATOR: {OPEN: 1, SEND: 2}})


def _responder_renegotiates() -> PairConfig:
    """A one-sided session whose responder runs the table of a two-sided one."""
    return replace(config_of(ONE_SIDED), variants=((Role.RESPONDER, table(TWO_SIDED, Role.RESPONDER)),))


def _dropping(kind: SessionType, name: str, *effects: Effect) -> PairConfig:
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


def _closed_instead(name: str, *ids: str) -> Callable[[SessionMachine], SessionMachine]:
    """Return an edit after which the rows `ids` close the session."""

    def edit(machine: SessionMachine) -> SessionMachine:
        changed = [replace(row, target=State.CLOSED, effects=LEAVE, updates=EMPTIED) for row in machine.rows
                   if row.id in ids]  # fmt: skip
        return machine.with_rows(f"{name} {machine.name}", *changed)

    return edit


def _surviving(machine: SessionMachine) -> SessionMachine:
    rows = {row.id: row for row in machine.rows}
    failed = rows["FW6" if "FW6" in rows else "FO6"]
    changed = [replace(rows[one], target=State.TIMED_OUT, effects=failed.effects, updates=())
               for one in ("PW1", "PO1") if one in rows]  # fmt: skip
    return machine.with_rows(f"close-is-a-failure {machine.name}", *changed)


def _unsaid(machine: SessionMachine) -> SessionMachine:
    changed = [replace(row, effects=LEAVE) for row in machine.rows
               if row.event is Event.CLOSE and row.source in (State.TIMED_OUT, State.RENEGOTIATING)]  # fmt: skip
    return machine.with_rows(f"close-without-route-unsaid {machine.name}", *changed)


def _uncounted(machine: SessionMachine) -> SessionMachine:
    changed = [replace(row, updates=()) for row in machine.rows if row.id == "BX1"]
    return machine.with_rows(f"uncounted-attempts {machine.name}", *changed)


def _unclosable(machine: SessionMachine) -> SessionMachine:
    return machine.with_rows(f"refused-close {machine.name}", without=("ZT2",))


def _members() -> Iterator[KnownBad]:
    yield from _negotiating()
    yield from _mixing()
    yield from _talking()
    yield from _taken_back()
    yield from _owing()
    yield from _ending()


def _negotiating() -> Iterator[KnownBad]:
    """Machines with faults in negotiation or in timers."""
    yield KnownBad(
        "no-generation", "an answer to an earlier attempt would be accepted", "S4", lossy(_session(NoGeneration))
    )
    yield KnownBad(
        "established-on-answering", "a duplicated hello would replace a live session", "S7",
        _lost_responder(_session(EstablishedOnAnswering)),
    )  # fmt: skip
    yield KnownBad(
        "no-superseded", "an end that lost its state would have to wait until its peer is reaped", "W9",
        _lost_initiator(_dropping(ONE_SIDED, "no-superseded", Effect.SEND_SUPERSEDED)),
    )  # fmt: skip
    yield KnownBad(
        "no-negotiation-timer", "an end would wait indefinitely after a lost hello", "R1",
        closed(_dropping(ONE_SIDED, "no-negotiation-timer", Effect.START_NEGOTIATION)),
    )  # fmt: skip
    yield KnownBad(
        "no-keepalive", "a silent peer would not be detected", "R2",
        closed(_dropping(ONE_SIDED, "no-keepalive", Effect.START_KEEPALIVE)),
    )  # fmt: skip
    yield KnownBad(
        "no-request-timer",
        "a request would wait indefinitely for a lost response",
        "R3",
        ockam(_session(NoRequestTimer, EXPLICIT_TRANSIENT)),
    )
    yield KnownBad(
        "retry-without-back-off", "an unreachable peer would receive hellos without pause", "S16",
        closed(_table(ONE_SIDED, _restarting_at_once)),
    )  # fmt: skip


def _mixing() -> Iterator[KnownBad]:
    """Machines that mix generations or sessions, or never end one."""
    yield KnownBad(
        "reuse-inner-address", "data of one generation would be delivered in another", "S9",
        _reordered_data(_session(ReuseInnerAddress)),
    )  # fmt: skip
    yield KnownBad(
        "never-reap", "responders without a live initiator would accumulate", "R5",
        lossy(_dropping(ONE_SIDED, "never-reap", Effect.START_RETENTION)),
    )  # fmt: skip
    yield KnownBad(
        "first-established-wins", "a collision would leave each end in a different session", "S27",
        lossy(_session(FirstEstablishedWins, TWO_SIDED)),
    )  # fmt: skip


def _talking() -> Iterator[KnownBad]:
    """Machines that lose, keep, deliver or send what they should not."""
    yield KnownBad(
        "late-response-counts", "a request would have two outcomes", "S8", _requests(_session(LateResponseCounts))
    )
    yield KnownBad(
        "forget-held-messages", "accepted messages would be lost without a dead letter", "S11",
        orders(_session(ForgetHeldMessages)),
    )  # fmt: skip
    yield KnownBad(
        "held-overtakes-reissued", "a publisher's messages would be stored out of order", "S13",
        _reissued(_table(TWO_SIDED, _overtaking)),
    )  # fmt: skip
    yield KnownBad(
        "transient-renegotiates", "a transient session would be re-established without its state", "S2",
        lossy(_table(EXPLICIT_TRANSIENT, _renegotiating)),
    )  # fmt: skip
    yield KnownBad(
        "responder-renegotiates", "both ends of a one-sided session would negotiate", "S6",
        lossy(_responder_renegotiates()),
    )  # fmt: skip
    yield KnownBad(
        "deliver-before-established", "data would be delivered in a session that is never established", "S1",
        _reordered_data(_session(DeliverBeforeEstablished)),
    )  # fmt: skip
    yield KnownBad(
        "route-outlives-failure", "a messaging route would be used after its generation ended", "S5",
        closed(_dropping(ONE_SIDED, "route-outlives-failure", Effect.FORGET_ROUTE)),
    )  # fmt: skip
    yield KnownBad(
        "unbounded-hold", "a sender could exhaust memory while the session is not established", "S12",
        _reordered_data(_session(UnboundedHold)),
    )  # fmt: skip
    yield KnownBad(
        "lose-state-on-renegotiation", "a persistent session would lose its state", "S3",
        closed(_session(LoseStateOnRenegotiation)),
    )  # fmt: skip


def _taken_back() -> Iterator[KnownBad]:
    """Machines that mishandle a withdrawn message or request."""
    yield KnownBad(
        "withdrawn-still-held", "a withdrawn message would be sent", "S29",
        orders(_dropping(ONE_SIDED, "withdrawn-still-held", Effect.TAKE_BACK)),
    )  # fmt: skip
    yield KnownBad(
        "deadline-fails-session", "the deadline of one caller would end the session of all others", "S29",
        _requests(_session(DeadlineFailsSession), WITHDRAW),
    )  # fmt: skip


def _owing() -> Iterator[KnownBad]:
    """Machines that miss an obligation within one step (S17 to S22, S28)."""
    yield KnownBad(
        "closing-untold", "an owner would continue to use a closed session", "S17",
        lossy(_dropping(EXPLICIT_TRANSIENT, "closing-untold", Effect.NOTIFY_CLOSED)),
    )  # fmt: skip
    yield KnownBad(
        "unwatched-peer", "a responder would never detect the loss of its peer", "S18",
        lossy(_dropping(ONE_SIDED, "unwatched-peer", Effect.START_IDLE)),
    )  # fmt: skip
    yield KnownBad(
        "deaf-responder", "a live peer would be given up", "S19", lossy(_table(ONE_SIDED, _deaf))
    )  # fmt: skip
    yield KnownBad(
        "uncounted-attempts", "an unreachable peer would be retried indefinitely", "S20",
        lossy(_table(ONE_SIDED, _uncounted)),
    )  # fmt: skip
    yield KnownBad(
        "unanswered-keepalive", "a live session would be considered dead", "S21",
        lossy(_dropping(ONE_SIDED, "unanswered-keepalive", Effect.ANSWER_KEEPALIVE)),
    )  # fmt: skip
    yield KnownBad(
        "close-to-the-past", "a peer that has just renegotiated would not receive the close", "S21",
        orders(_session(CloseToThePast)),
    )  # fmt: skip
    yield KnownBad(
        "drops-in-silence", "a message would be lost without a dead letter", "S28",
        lossy(_session(DropsInSilence)),
    )  # fmt: skip
    yield KnownBad(
        "refused-close", "an application could not close a session during a negotiation", "S22",
        orders(_table(EXPLICIT_TRANSIENT, _unclosable)),
    )  # fmt: skip


def _ending() -> Iterator[KnownBad]:
    """Machines that wrongly end a session, keep it, or lock out its peer."""
    yield KnownBad(
        "close-is-a-failure", "a responder would be kept, and renegotiate, after an orderly close of its peer", "S26",
        orders(_table(ONE_SIDED, _surviving)),
    )  # fmt: skip
    yield KnownBad(
        "late-close-ends", "a late close of an earlier session would end the reopened one", "S3",
        reopened(_table(ONE_SIDED, _closed_instead("late-close-ends", "V5"))),
    )  # fmt: skip
    yield KnownBad(
        "close-without-route-unsaid", "a responder would be kept after its peer closed during a renegotiation", "S21",
        orders(_table(ONE_SIDED, _unsaid)),
    )  # fmt: skip
    yield KnownBad(
        "close-believed-from-anybody", "any party that knows the id of a session could end it", "S4",
        strangers(Role.RESPONDER, _session(CloseBelievedFromAnybody)),
    )  # fmt: skip
    yield KnownBad(
        "unconfirmed-attempt-ends-all", "a live session would lose its state if an answer is lost", "S3",
        lossy(_table(ONE_SIDED, _closed_instead("unconfirmed-attempt-ends-all", "RW9"))),
    )  # fmt: skip
    yield KnownBad(
        "returned-responder-forgotten", "a responder that returned with its state would lose it if a message is lost",
        "S3", _returned_responder(_table(ONE_SIDED, _closed_instead("returned-responder-forgotten", "FW1"))),
    )  # fmt: skip
    yield KnownBad(
        "unconfirmed-number-stays", "two forged hellos would lock out the true initiator", "S4",
        strangers(Role.RESPONDER, _session(UnconfirmedNumberStays)),
    )  # fmt: skip


def _in_channels() -> Iterator[KnownBad]:
    """Machines with faults in secure channels or in unfinished handshakes."""
    deaf, forgetful = SymbolicProfile(keeps_alive=False), SymbolicProfile(refuses_replays=False)
    yield KnownBad(
        "permanent-deafness", "after several losses in a row one end would never receive the other's messages again",
        "R8", _two_sent(in_channel(config_of(ONE_SIDED), deaf)),
    )  # fmt: skip
    yield KnownBad(
        "orphaned-handshakes", "handshakes begun by a stranger would fill a host permanently", "R5",
        among_strangers(_dropping(EXPLICIT_TRANSIENT, "orphaned-handshakes", Effect.START_NEGOTIATION)),
    )  # fmt: skip
    yield KnownBad(
        "replay-is-read", "a copied message could be delivered twice", "S36",
        secure(config_of(EXPLICIT_TRANSIENT), forgetful),
    )  # fmt: skip
    yield KnownBad(
        "anybody-is-trusted", "the first party to answer would be accepted as the peer", "S37",
        among_strangers(config_of(EXPLICIT_TRANSIENT), SymbolicProfile(trusts_anybody=True)),
    )  # fmt: skip


@cache
def wrong_sessions() -> tuple[KnownBad, ...]:
    """The wrong sessions and hosts, each world named after its machine."""
    return tuple(map(_named, _members()))


@cache
def wrong_channels() -> tuple[KnownBad, ...]:
    """The wrong secure channels, each world named after its machine. Other checkers take unprotected sessions only."""
    return tuple(map(_named, _in_channels()))


@cache
def wrong_in_nodes() -> tuple[KnownBad, ...]:
    """The wrong nodes and accounts."""
    return tuple(KnownBad(*wrong) for wrong in (*wrong_nodes(), *wrong_accounts()))


@cache
def known_bad() -> tuple[KnownBad, ...]:
    """The wrong sessions and the wrong nodes, without the wrong channels."""
    return (*wrong_sessions(), *wrong_in_nodes())


def _named(one: KnownBad) -> KnownBad:
    return replace(one, world=replace(one.world, name=one.name))

"""Known-bad machines, which the checks must reject. Each documents the consequence of breaking one rule.

Rule 1: each differs from the real machine in one respect: in its table if possible, else in its code.
Rule 2: each names the property that rejects it. Every S and R property has at least one machine of its own here.
Rule 3: the counterexample is a shortest one, so that the fault is easy to see.
Source: spec/sessions.md section 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.known_bad import Checker, KnownBad
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
from ockam_fsm.checking.sessions.wrong_tables import (
    closed_instead,
    deaf,
    overtaking,
    renegotiating,
    restarting_at_once,
    surviving,
    unclosable,
    uncounted,
    unsaid,
    without_effect,
)
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    SessionMachine,
    table,
)
from ockam_fsm.machines.vocabulary import Effect, Role, SessionType
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.session_step import OPEN, REQUEST, SEND, WITHDRAW

ONE_SIDED, TWO_SIDED = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED
TLC, SIMULATOR, TRACES = Checker.TLC, Checker.SIMULATOR, Checker.TRACES
NO_DEAD_LETTERS = "dead letters of messages that arrive do not show from outside"
NO_STRANGERS = {TLC: "no model of two ends has strangers", SIMULATOR: "no run has strangers"}


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
        "no-generation",
        "an answer to an earlier attempt would be accepted",
        "S4",
        lossy(_session(NoGeneration)),
        in_runs=frozenset({"S4", "S9"}),
    )
    yield KnownBad(
        "established-on-answering", "a duplicated hello would replace a live session", "S7",
        _lost_responder(_session(EstablishedOnAnswering)),
        in_runs=frozenset({"S4"}),  # what a hello leaves behind shows before two ends disagree
    )  # fmt: skip
    yield KnownBad(
        "no-superseded", "an end that lost its state would have to wait until its peer is reaped", "W9",
        _lost_initiator(_dropping(ONE_SIDED, "no-superseded", Effect.SEND_SUPERSEDED)),
        missed={TRACES: "W9 is a witness: the missing message is seldom needed"},
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
        missed={TRACES: "a trace does not show request timers"},
    )
    yield KnownBad(
        "retry-without-back-off", "an unreachable peer would receive hellos without pause", "S16",
        closed(_table(ONE_SIDED, restarting_at_once)),
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
        missed={TRACES: "shows only in collisions, which some runs lack"},
    )  # fmt: skip


def _talking() -> Iterator[KnownBad]:
    """Machines that lose, keep, deliver or send what they should not."""
    yield KnownBad(
        "late-response-counts", "a request would have two outcomes", "S8", _requests(_session(LateResponseCounts))
    )
    yield KnownBad(
        "forget-held-messages", "accepted messages would be lost without a dead letter", "S11",
        orders(_session(ForgetHeldMessages)),
        missed={TRACES: "a trace does not show what is held when a session closes"},
    )  # fmt: skip
    yield KnownBad(
        "held-overtakes-reissued", "a publisher's messages would be stored out of order", "S13",
        _reissued(_table(TWO_SIDED, overtaking)), missed={TRACES: "a trace does not show which data is which"},
    )  # fmt: skip
    yield KnownBad(
        "transient-renegotiates", "a transient session would be re-established without its state", "S2",
        lossy(_table(EXPLICIT_TRANSIENT, renegotiating)),
    )  # fmt: skip
    yield KnownBad(
        "responder-renegotiates", "both ends of a one-sided session would negotiate", "S6",
        lossy(_responder_renegotiates()),
    )  # fmt: skip
    yield KnownBad(
        "deliver-before-established", "data would be delivered in a session that is never established", "S1",
        _reordered_data(_session(DeliverBeforeEstablished)),
        missed={TRACES: "shows only if data arrives first, which some runs lack"},
    )  # fmt: skip
    yield KnownBad(
        "route-outlives-failure", "a messaging route would be used after its generation ended", "S5",
        closed(_dropping(ONE_SIDED, "route-outlives-failure", Effect.FORGET_ROUTE)),
        missed={TRACES: "a trace does not show an unused route"},
    )  # fmt: skip
    yield KnownBad(
        "unbounded-hold", "a sender could exhaust memory while the session is not established", "S12",
        _reordered_data(_session(UnboundedHold)),
        missed={TRACES: "held messages may be reissued requests, which a trace does not show"},
    )  # fmt: skip
    yield KnownBad(
        "lose-state-on-renegotiation", "a persistent session would lose its state", "S3",
        closed(_session(LoseStateOnRenegotiation)), missed={TRACES: "a trace does not show an application's state"},
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
        missed={TLC: "no model withdraws a request that was sent"},
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
        "deaf-responder", "a live peer would be given up", "S19", lossy(_table(ONE_SIDED, deaf)),
        missed={TRACES: "a trace does not show that a running timer was restarted"},
    )  # fmt: skip
    yield KnownBad(
        "uncounted-attempts", "an unreachable peer would be retried indefinitely", "S20",
        lossy(_table(ONE_SIDED, uncounted)),
        missed={TRACES: "shows only if the budget is exhausted, which some runs lack"},
    )  # fmt: skip
    yield KnownBad(
        "unanswered-keepalive", "a live session would be considered dead", "S21",
        lossy(_dropping(ONE_SIDED, "unanswered-keepalive", Effect.ANSWER_KEEPALIVE)),
    )  # fmt: skip
    yield KnownBad(
        "close-to-the-past", "a peer that has just renegotiated would not receive the close", "S21",
        orders(_session(CloseToThePast)),
        missed={SIMULATOR: "no run closes a session while it answers its peer's next attempt"},
    )  # fmt: skip
    yield KnownBad(
        "drops-in-silence", "a message would be lost without a dead letter", "S28",
        lossy(_session(DropsInSilence)),
        missed={TLC: "no model has dead letters", TRACES: NO_DEAD_LETTERS, Checker.KIT: NO_DEAD_LETTERS},
    )  # fmt: skip
    yield KnownBad(
        "refused-close", "an application could not close a session during a negotiation", "S22",
        orders(_table(EXPLICIT_TRANSIENT, unclosable)),
        missed={TRACES: "a refused order leaves no record"},
    )  # fmt: skip


def _ending() -> Iterator[KnownBad]:
    """Machines that wrongly end a session, keep it, or lock out its peer."""
    yield KnownBad(
        "close-is-a-failure", "a responder would be kept, and renegotiate, after an orderly close of its peer", "S26",
        orders(_table(ONE_SIDED, surviving)),
    )  # fmt: skip
    yield KnownBad(
        "late-close-ends", "a late close of an earlier session would end the reopened one", "S3",
        reopened(_table(ONE_SIDED, closed_instead("late-close-ends", "V5"))),
        missed={TLC: "no model opens a session again", SIMULATOR: "no run opens a session again"},
    )  # fmt: skip
    yield KnownBad(
        "close-without-route-unsaid", "a responder would be kept after its peer closed during a renegotiation", "S21",
        orders(_table(ONE_SIDED, unsaid)),
    )  # fmt: skip
    yield KnownBad(
        "close-believed-from-anybody", "any party that knows the id of a session could end it", "S4",
        strangers(Role.RESPONDER, _session(CloseBelievedFromAnybody)),
        missed=NO_STRANGERS,
    )  # fmt: skip
    yield KnownBad(
        "unconfirmed-attempt-ends-all", "a live session would lose its state if an answer is lost", "S3",
        lossy(_table(ONE_SIDED, closed_instead("unconfirmed-attempt-ends-all", "RW9"))),
    )  # fmt: skip
    yield KnownBad(
        "returned-responder-forgotten", "a responder that returned with its state would lose it if a message is lost",
        "S3", _returned_responder(_table(ONE_SIDED, closed_instead("returned-responder-forgotten", "FW1"))),
        missed={TLC: "no model has a restart with state"},
    )  # fmt: skip
    yield KnownBad(
        "unconfirmed-number-stays", "two forged hellos would lock out the true initiator", "S4",
        strangers(Role.RESPONDER, _session(UnconfirmedNumberStays)),
        missed=NO_STRANGERS,
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
    return (*wrong_nodes(), *wrong_accounts())


@cache
def known_bad() -> tuple[KnownBad, ...]:
    """The wrong sessions and the wrong nodes, without the wrong channels."""
    return (*wrong_sessions(), *wrong_in_nodes())


def _named(one: KnownBad) -> KnownBad:
    return replace(one, world=replace(one.world, name=one.name))

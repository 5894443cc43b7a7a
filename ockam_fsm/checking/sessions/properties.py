"""The properties of sessions: an id for life, one sentence, and the worlds that each applies to.

What a world of a setting must hold. `spec/properties.md` is generated from this.
Left out: S10 and S14, which need more than two workers; S15 and R4, which need a stream.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ockam_fsm.checking.properties import (
    Property,
    Step,
    always,
    always_step,
    never_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.sessions import authenticity as authentic
from ockam_fsm.checking.sessions import liveness as live
from ockam_fsm.checking.sessions import obligations as owes
from ockam_fsm.checking.sessions import ordered
from ockam_fsm.checking.sessions import safety as safe
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, Refused
from ockam_fsm.checking.sessions.session_step import every_deed
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.machines.vocabulary import Role

BOTH = (INITIATOR, RESPONDER)


def safety(config: PairConfig) -> Iterator[Property]:
    """The S properties that apply to a type and profile."""
    profile, kind = config.profile, config.session_type
    concerned = safe.only_its_generation_changes_it(profile)
    keeps = safe.keeps_its_state(profile)
    on_route = safe.route_belongs_to_generation(profile)
    yield always_step("S1", "data is delivered only when established, or in a still usable generation", safe.in_time)
    yield always_step(
        "S2",
        "a transient session never renegotiates; CLOSED is final",
        lambda step: safe.closed_is_final(step) and (kind.persistent or safe.negotiates_once(step)),
    )
    if kind.persistent:
        kept = every_deed(config, owes.state_is_kept)
        yield always_step(
            "S3",
            "a persistent session keeps its outer address and its state; only a close, an order or a bound ends it",
            lambda step: keeps(step) and kept(step),
        )
    yield always_step(
        "S4",
        "numbers only grow; apart from a newer hello no message of another generation changes an end",
        lambda step: safe.numbers_grow(step) and concerned(step),
    )
    yield always_step(
        "S5",
        "a messaging route is used only in the generation that learned it, and not after TIMED_OUT",
        lambda step: safe.routes_are_forgotten(step) and on_route(step),
    )
    if not kind.renegotiated_by(Role.RESPONDER):
        yield never_step("S6", "a one-sided responder never starts a negotiation", safe.responder_starts)
    yield always("S7", "established ends of one generation route to each other", safe.ends_agree, over=BOTH)
    yield always_step(
        "S8",
        "a request has at most one outcome; an end has at most one negotiation of its own under way",
        lambda step: safe.one_outcome(step) and safe.one_negotiation(step),
    )
    yield always_step("S9", "data is delivered in the generation it was sent in", safe.delivered_in_its_generation)
    yield always_step("S11", "every accepted message is somewhere, or a named fault took it", safe.nothing_is_lost)
    yield always_step("S12", "buffers, attempts and responders stay within capacity", safe.within_capacity(config))
    yield always_step("S13", "reissued, held and new messages leave in that order, each once", safe.leaves_in_order)
    yield always_step("S16", "between two attempts of an end a back-off has expired", safe.rested_before_attempt)


def conduct(config: PairConfig) -> Iterator[Property]:
    """What an end owes in every step."""
    told = every_deed(config, owes.owner_is_told)
    yield always_step("S17", "the owner is told of every establishment, failure and closing, once", told)
    belongs = every_deed(config, owes.state_has_what_belongs_to_it)
    yield always_step(
        "S18",
        "each state has the attempt, route, addresses and timers of its own, only; an implicit end asks for a message",
        belongs,
    )
    heard = every_deed(config, owes.hearing_counts)
    yield always_step("S19", "whatever is heard in the current generation is a sign of life", heard)
    counted = every_deed(config, owes.counters_tell_the_truth)
    yield always_step(
        "S20", "attempts, misses, usable generations and numbers seen are counted where they happen", counted
    )
    said = every_deed(config, owes.peer_is_told)
    yield always_step("S21", "what the peer waits for is said, once", said)
    closed = every_deed(config, owes.close_ends)
    yield always_step("S26", "what the peer closes is closed", closed)
    yield always_step(
        "S28", "every message that arrives is used, or a dead letter with a reason", owes.every_message_counts
    )
    taken_back = every_deed(config, ordered.withdrawn_is_not_sent)
    yield always_step("S29", "what is taken back is not sent, and the session goes on as it was", taken_back)
    if config.session_type.renegotiated_by(Role.RESPONDER):
        yield always_step("S27", "a collision has one winner", safe.collision_has_a_winner(config.profile))


def authenticity(config: PairConfig) -> Iterator[Property]:
    """What a secure channel promises, for worlds whose profile is one."""
    profile = config.profile
    if not isinstance(profile, SymbolicProfile):
        return
    yield always_step(
        "S36",
        "in a channel, what is delivered was written by the peer of that handshake, and is delivered once",
        authentic.delivered_once(profile),
    )
    yield always_step(
        "S37",
        "a message that is forged, replayed, reflected or out of its window is a dead letter and changes nothing",
        authentic.strangers_change_nothing(profile),
    )
    yield recoverable(
        "R8", "an established pair with budget left comes to hear each other again; a transient one may close instead",
        authentic.hear_each_other(profile, persistent=config.session_type.persistent),
        over=BOTH, given=live.established_with_budget(config),
    )  # fmt: skip


def refusals(config: PairConfig) -> Iterator[Property]:
    """For worlds in which a refused order is a step (`PairConfig.refusals`)."""
    allowed = every_deed(config, ordered.orders_are_taken)
    yield always_step("S22", "an order is refused exactly where sections 3 and 7 say so", allowed)


def unless_refused(one: Property) -> Property:
    """Of a step that was refused there is one thing to judge."""
    if not one.reads_steps or one.id == "S22":
        return one
    innocent = not one.is_hit(True)

    def judged(step: Step) -> object:
        refused = any(isinstance(fact, Refused) for _, fact in step.records)
        return innocent if refused else one.predicate(step)

    return replace(one, predicate=judged)


def recoverability(config: PairConfig) -> Iterator[Property]:
    """The R properties that apply to a type and profile."""
    yield recoverable(
        "R1", "an opened initiator becomes established, closed, or rests with nothing held",
        live.settled, over=BOTH, given=live.opened(config),
    )  # fmt: skip
    if config.session_type.persistent:
        yield recoverable(
            "R2", "an opened persistent pair with budget left becomes established in one generation",
            live.established_together, over=BOTH, given=live.has_budget(config),
        )  # fmt: skip
    yield recoverable("R3", "every request is resolved", live.no_request, over=BOTH, given=live.has_request)
    yield recoverable(
        "R5", "no responder stays for ever without a live peer",
        live.not_orphaned, over=BOTH, given=live.orphaned,
    )  # fmt: skip


def witness(name: str, config: PairConfig) -> Property:
    """One W property by name; `W2:REASON` asks for a renegotiation after a failure with that reason."""
    profile = config.profile
    if name.startswith("W2:"):
        reason = name.removeprefix("W2:")
        return sometimes_step(name, f"renegotiated after: {reason}", live.renegotiated_after(reason))
    steps = {
        "W3": ("a collision happened", live.collision(profile)),
        "W4": ("a stale response arrived and was ignored", live.stale_response(profile)),
        "W5": ("a held message was forwarded", live.forwards_held),
        "W6": ("the budget of attempts ran out", live.exhausted),
        "W7": ("an orphaned responder was reaped", live.reaped),
        "W9": ("a superseded end caught up", live.catches_up(profile)),
    }
    if name == "W1":
        return sometimes("W1", "both ends are established in one generation", live.established_together, over=BOTH)
    sentence, predicate = steps[name]
    return sometimes_step(name, sentence, predicate)

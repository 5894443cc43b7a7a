"""The safety properties of one session: a permanent id, one sentence, and the predicate that judges a step.

`spec/properties.md` is generated from the sentences. The explorer applies these predicates to every reachable step,
the simulator to every step of a run.
Left out: properties of more than one session: S7 (both ends), S10, S14, S24 and S25 (nodes), S15 and S23 (streams), and
          S32 to S40 (pipes, secure channels, layers).
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.safety import invariants, obligations, orders
from ockam_fsm.safety.session_step import SessionStep


class SafetyProperty(NamedTuple):
    id: str
    sentence: str
    holds: Callable[[SessionStep], bool]
    """Whether a step keeps the property."""
    applies_to: Callable[[SessionType], bool] = lambda kind: True
    judges_refusals: bool = False

    def is_kept_by(self, step: SessionStep) -> bool:
        """Whether a step keeps the property, if the type of its session has it, and if it judges a refused order."""
        if (step.refused and not self.judges_refusals) or not self.applies_to(step.settings.session_type):
            return True
        return self.holds(step)


def _is_persistent(kind: SessionType) -> bool:
    return kind.persistent


def _is_one_sided(kind: SessionType) -> bool:
    return not kind.renegotiated_by(Role.RESPONDER)


def _is_two_sided(kind: SessionType) -> bool:
    return kind.renegotiated_by(Role.RESPONDER)


SAFETY = (
    SafetyProperty(
        "S1", "data is delivered only in ESTABLISHED or in a usable previous generation",
        invariants.data_arrives_in_time,
    ),
    SafetyProperty("S2", "a transient session never renegotiates; CLOSED is final", invariants.end_is_final),
    SafetyProperty(
        "S3",
        "a persistent session keeps its outer address and its state; only a close, an order or a bound ends it",
        invariants.state_is_kept, _is_persistent,
    ),
    SafetyProperty(
        "S4", "numbers only grow; apart from a newer hello no message of another generation changes an end",
        invariants.only_its_generation_changes_it,
    ),
    SafetyProperty(
        "S5", "a messaging route is used only in the generation that learned it, and not after TIMED_OUT",
        invariants.route_is_of_its_generation,
    ),
    SafetyProperty(
        "S6", "a one-sided responder never starts a negotiation",
        invariants.is_no_start_of_a_responder, _is_one_sided,
    ),
    SafetyProperty(
        "S8", "a request has at most one outcome; an end has at most one negotiation of its own under way",
        invariants.one_outcome,
    ),
    SafetyProperty(
        "S9", "data is delivered only in the generation in which it was sent", invariants.delivered_in_its_generation
    ),
    SafetyProperty(
        "S11", "every accepted message is delivered, held, in flight, a dead letter, or lost to a named fault",
        invariants.nothing_is_lost,
    ),
    SafetyProperty(
        "S12", "buffers, attempts and responders stay within capacity", invariants.stays_within_capacity
    ),
    SafetyProperty(
        "S13", "reissued, held and new messages leave in that order, each once", invariants.leaves_in_order
    ),
    SafetyProperty(
        "S16", "between two attempts of an end a back-off has expired", invariants.rests_before_an_attempt
    ),
    SafetyProperty(
        "S17", "the owner is notified of every establishment, failure and closing exactly once",
        obligations.owner_is_notified,
    ),
    SafetyProperty(
        "S18",
        "each state has exactly its attempt, route, addresses and timers; an implicit end negotiates only for a "
        "message",
        obligations.state_has_what_belongs_to_it,
    ),
    SafetyProperty(
        "S19", "every message received in the current generation is a sign of life", obligations.hearing_counts
    ),
    SafetyProperty(
        "S20", "attempts, misses, usable generations and numbers seen are counted when they occur",
        obligations.counters_tell_the_truth,
    ),
    SafetyProperty(
        "S21", "every signal that the peer expects is sent exactly once", obligations.peer_receives_its_signals
    ),
    SafetyProperty(
        "S22", "an order is refused exactly where sections 3 and 7 require it", orders.orders_are_taken,
        judges_refusals=True,
    ),
    SafetyProperty("S26", "a close of the peer closes the session", obligations.close_ends),
    SafetyProperty("S27", "a collision has one winner", invariants.collision_has_one_winner, _is_two_sided),
    SafetyProperty(
        "S28", "every message that arrives is used or becomes a dead letter with a reason",
        obligations.every_message_counts,
    ),
    SafetyProperty(
        "S29", "a withdrawn message is not sent, and the session is otherwise unaffected", orders.withdrawn_is_not_sent
    ),
)  # fmt: skip


@cache
def safety_of(kind: SessionType) -> tuple[SafetyProperty, ...]:
    """The properties that sessions of a type have."""
    return tuple(one for one in SAFETY if one.applies_to(kind))


def broken(step: SessionStep) -> Iterator[SafetyProperty]:
    """The properties that a step breaks."""
    return (one for one in safety_of(step.settings.session_type) if not one.is_kept_by(step))

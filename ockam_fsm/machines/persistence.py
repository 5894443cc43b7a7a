"""The rows of persistent sessions only: answering again, renegotiating, waiting for a hello, reissuing.

Rules and letters as in `parts.py`, which has the rows of every session.
Source: the discussion, "Re-negotiating sessions"; spec/sessions.md sections 3, 4 and 6.
"""

from __future__ import annotations

from ockam_fsm.kernel.machine import Ignore, Refuse, Row
from ockam_fsm.machines.parts import (
    ANSWER,
    ASK,
    CLOSED,
    EMPTIED,
    END,
    ESTABLISHED,
    ESTABLISHED_AFRESH,
    IDLE,
    LEAVE,
    NEGOTIATING,
    NO_PROOF,
    RENEGOTIATING,
    TIMED_OUT,
    Effects,
    Part,
    Proof,
    Updates,
    confirmed_first,
    emptied_and_watched,
    established_by_answer,
    established_by_confirmation,
    fail,
)
from ockam_fsm.machines.vocabulary import ATTEMPTS, CONFIRMED, HELD, RESTING, USABLE, Effect, Event


def restarted_with_memory() -> Part:
    return Part(
        "a restarted persistent responder still distinguishes old generations",
        (Row("AP1", IDLE, Event.HELLO_OLDER, IDLE, (Effect.SEND_SUPERSEDED,), cites="4.2"),),
    )


def answering_again(prefix: str, watch: Effects, wait: Effect, proof: Proof = NO_PROOF) -> Part:
    confirmed = (*established_by_confirmation(watch), *proof.effects)
    fall_back = (Effect.STOP_TIMERS, Effect.DROP_ATTEMPT, *watch, Effect.FORWARD_HELD)
    updates = (*proof.updates, *emptied_and_watched(watch))
    still_usable = (USABLE.at_least(1),)
    return Part(
        "answering again: the old generation stays usable until the new one is confirmed",
        (
            Row(f"{prefix}1", NEGOTIATING, Event.HELLO_NEWER, NEGOTIATING, ANSWER, cites="4.2, 4.6"),
            Row(f"{prefix}2", ESTABLISHED, Event.HELLO_NEWER, RENEGOTIATING, ANSWER,
                updates=(USABLE.increment,), cites="4.2, 4.4"),
            Row(f"{prefix}3", RENEGOTIATING, Event.HELLO_NEWER, RENEGOTIATING, ANSWER, cites="4.2, 4.6"),
            Row(f"{prefix}4", RENEGOTIATING, Event.CONFIRMED, ESTABLISHED, confirmed, updates=updates, cites="4.4"),
            Row(f"{prefix}5", RENEGOTIATING, Event.HELLO_REPEATED, RENEGOTIATING, (Effect.SEND_ANSWER,), cites="4.2"),
            Row(f"{prefix}6", RENEGOTIATING, Event.HELLO_OLDER, RENEGOTIATING, (Effect.SEND_SUPERSEDED,), cites="4.2"),
            Row(f"{prefix}7", TIMED_OUT, Event.HELLO_OLDER, TIMED_OUT, (Effect.SEND_SUPERSEDED,), cites="4.2"),
            Row(f"{prefix}8", RENEGOTIATING, Event.NEGOTIATION_EXPIRED, ESTABLISHED, fall_back,
                when=still_usable, updates=(USABLE.reset, *emptied_and_watched(watch)), cites="4.4"),
            Row(f"{prefix}9", RENEGOTIATING, Event.NEGOTIATION_EXPIRED, TIMED_OUT, fail(wait),
                when=(USABLE.below(1),), cites="3.9"),
        ),
    )  # fmt: skip


def previous_generation(prefix: str) -> Part:
    ended = (Effect.END_CURRENT, Effect.RETIRE_REQUESTS)
    usable, gone = (USABLE.at_least(1),), (USABLE.below(1),)
    none_usable = "no generation is usable"
    return Part(
        "while a new generation waits to be confirmed, the old one may still deliver, and may end",
        (
            Row(f"{prefix}1", RENEGOTIATING, Event.DATA_RECEIVED, RENEGOTIATING, (Effect.DELIVER,),
                when=usable, cites="4.4, 7.3"),
            Row(f"{prefix}2", RENEGOTIATING, Event.KEEPALIVE_RECEIVED, RENEGOTIATING, (Effect.ANSWER_KEEPALIVE,),
                when=usable, cites="4.4"),
            Row(f"{prefix}3", RENEGOTIATING, Event.PREVIOUS_ENDED, RENEGOTIATING, ended,
                when=usable, updates=(USABLE.reset,), cites="4.4"),
            Row(f"{prefix}4", RENEGOTIATING, Event.ERROR_RECEIVED, RENEGOTIATING, ended,
                when=usable, updates=(USABLE.reset,), cites="discussion: error messages; 4.4"),
            Row(f"{prefix}5", RENEGOTIATING, Event.CLOSE_RECEIVED, RENEGOTIATING, ended,
                when=usable, updates=(USABLE.reset,), cites="3.8, 4.4"),
            Row(f"{prefix}6", RENEGOTIATING, Event.REQUEST_EXPIRED, RENEGOTIATING, ended,
                when=usable, updates=(USABLE.reset,), cites="discussion: request timeouts; 4.4"),
            Row(f"{prefix}7", RENEGOTIATING, Event.GOING_AWAY_RECEIVED, RENEGOTIATING, ended,
                when=usable, updates=(USABLE.reset,), cites="3.8, 4.4"),
            Ignore(Event.DATA_RECEIVED, (RENEGOTIATING,), because=none_usable, when=gone),
            Ignore(Event.KEEPALIVE_RECEIVED, (RENEGOTIATING,), because=none_usable, when=gone),
            Refuse(Event.PREVIOUS_ENDED, (RENEGOTIATING,), because=none_usable, when=gone),
            Refuse(Event.PREVIOUS_ENDED, because=none_usable),
            Refuse(Event.REQUEST_EXPIRED, (RENEGOTIATING,), because=none_usable, when=gone),
        ),
    )  # fmt: skip


def waiting_for_hello(prefix: str) -> Part:
    gone = (USABLE.below(1),)
    failed = fail(Effect.START_RETENTION)
    because = "only the initiator of a one-sided session renegotiates"
    return Part(
        "a one-sided responder keeps its state for a while and waits for a hello",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.HELLO_NEWER, RENEGOTIATING, ANSWER, cites="3.6, 4.2"),
            Row(f"{prefix}2", TIMED_OUT, Event.RETENTION_EXPIRED, CLOSED, END, updates=EMPTIED, cites="3.6"),
            Row(f"{prefix}3", RENEGOTIATING, Event.LOWER_LAYER_LOST, TIMED_OUT, failed, updates=(USABLE.reset,),
                cites="3.11"),
            Ignore(Event.ERROR_RECEIVED, (RENEGOTIATING,), because="no generation is usable", when=gone),
            Ignore(Event.CLOSE_RECEIVED, (RENEGOTIATING,), because="the generation that it closes is over", when=gone),
            Ignore(Event.GOING_AWAY_RECEIVED, (RENEGOTIATING,), because="the generation that it concerns is over",
                   when=gone),
            Refuse(Event.RENEGOTIATE, because=because, remedy="let the initiator renegotiate"),
            Refuse(Event.RETENTION_EXPIRED, because="the retention timer runs in TIMED_OUT only"),
        ),
    )  # fmt: skip


def hello_during_back_off(prefix: str, updates: Updates) -> Part:
    return Part(
        "two-sided: a hello may arrive while this end waits for its back-off, or rests",
        (Row(f"{prefix}1", TIMED_OUT, Event.HELLO_NEWER, RENEGOTIATING, ANSWER, updates=updates, cites="4.2"),),
    )


def resting_responder(prefix: str) -> Part:
    return Part(
        "a resting responder closes when it is not used for too long",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.RETENTION_EXPIRED, CLOSED, END, updates=EMPTIED, cites="3.6"),
            Refuse(Event.RETENTION_EXPIRED, because="the retention timer runs in TIMED_OUT only"),
        ),
    )


def renegotiating_after_back_off(prefix: str) -> Part:
    return Part(
        "explicit persistent: the end of the back-off starts the next attempt",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.BACK_OFF_EXPIRED, RENEGOTIATING, ASK,
                when=(ATTEMPTS.below(),), updates=(ATTEMPTS.increment,), cites="3.5"),
            Row(f"{prefix}2", TIMED_OUT, Event.BACK_OFF_EXPIRED, CLOSED, (Effect.NOTE_EXHAUSTED, *END),
                when=(ATTEMPTS.at_least(),), updates=EMPTIED, cites="3.4"),
        ),
    )  # fmt: skip


def renegotiating_on_demand(prefix: str, rest: Effects) -> Part:
    waiting, nothing = HELD.at_least(1), HELD.below(1)
    return Part(
        "implicit persistent: the end of the back-off starts an attempt only for a message that waits",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.BACK_OFF_EXPIRED, RENEGOTIATING, ASK,
                when=(ATTEMPTS.below(), waiting), updates=(ATTEMPTS.increment,), cites="3.5"),
            Row(f"{prefix}2", TIMED_OUT, Event.BACK_OFF_EXPIRED, CLOSED, (Effect.NOTE_EXHAUSTED, *END),
                when=(ATTEMPTS.at_least(),), updates=EMPTIED, cites="3.4"),
            Row(f"{prefix}3", TIMED_OUT, Event.BACK_OFF_EXPIRED, TIMED_OUT, rest,
                when=(ATTEMPTS.below(), nothing), updates=(RESTING.increment,), cites="3.5"),
            Row(f"{prefix}4", TIMED_OUT, Event.SEND, RENEGOTIATING, (Effect.STOP_TIMERS, Effect.HOLD, *ASK),
                when=(RESTING.at_least(1),), updates=(RESTING.reset, HELD.increment, ATTEMPTS.increment), cites="3.5"),
        ),
    )  # fmt: skip


def own_renegotiation(prefix: str, watch: Effects, *, guarded: bool) -> Part:
    """Rows of an end's own renegotiation. `guarded`: it also answers hellos, so a usable previous generation is
    considered first."""
    failed, adopted = fail(Effect.START_BACK_OFF), established_by_answer(watch)
    updates = ESTABLISHED_AFRESH
    when = (USABLE.below(1),) if guarded else ()
    ended = (USABLE.reset,) if guarded else ()
    expiry = (
        ()
        if guarded
        else (Row(f"{prefix}7", RENEGOTIATING, Event.NEGOTIATION_EXPIRED, TIMED_OUT, failed, cites="3.4, 3.9"),)
    )
    return Part(
        "this end's own renegotiation, and the order to start one",
        (
            Row(f"{prefix}1", RENEGOTIATING, Event.ANSWER_CURRENT, ESTABLISHED, adopted, updates=updates, cites="4.3"),
            Row(f"{prefix}2", RENEGOTIATING, Event.SUPERSEDED, TIMED_OUT, (Effect.CATCH_UP, *failed), cites="4.2"),
            Row(f"{prefix}3", RENEGOTIATING, Event.ERROR_RECEIVED, TIMED_OUT, failed, when=when,
                cites="discussion: error messages"),
            Row(f"{prefix}4", RENEGOTIATING, Event.CLOSE_RECEIVED, TIMED_OUT, failed, when=when, cites="3.8"),
            Row(f"{prefix}5", RENEGOTIATING, Event.LOWER_LAYER_LOST, TIMED_OUT, failed, updates=ended, cites="3.11"),
            Row(f"{prefix}6", ESTABLISHED, Event.RENEGOTIATE, TIMED_OUT, fail(Effect.START_ZERO_BACK_OFF),
                cites="discussion: an API call; 3.2"),
            *expiry,
            Row(f"{prefix}8", RENEGOTIATING, Event.GOING_AWAY_RECEIVED, TIMED_OUT, failed, when=when, cites="3.8"),
            Refuse(Event.RENEGOTIATE, because="there is no established session to renegotiate",
                   remedy="wait until it is established; a message wakes an implicit session that rests"),
            Refuse(Event.BACK_OFF_EXPIRED, because="the back-off runs in TIMED_OUT only"),
        ),
    )  # fmt: skip


def never_confirmed(prefix: str) -> Part:
    """Close a responder that no peer has confirmed: nothing is lost, and its place in the host is free (clause 4.9)."""
    ends = (Event.NEGOTIATION_EXPIRED, Event.LOWER_LAYER_LOST)
    rows = tuple(
        Row(f"{prefix}{number}", NEGOTIATING, event, CLOSED, LEAVE, when=(CONFIRMED.below(1),), updates=EMPTIED,
            cites="3.9, 4.9")
        for number, event in enumerate(ends, 1)
    )  # fmt: skip
    return Part(
        "a responder that was never confirmed, in this or an earlier incarnation, closes with its negotiation", rows
    )


def closed_by_peer(prefix: str, wait: Effect, *, starts: bool) -> Part:
    """A close by the peer. `starts`: this end starts the first negotiation, so a close may come before an answer."""
    denied = Row(f"{prefix}2", NEGOTIATING, Event.CLOSE_RECEIVED, TIMED_OUT, fail(wait), cites="3.8")
    return Part(
        "persistent: the peer's close ends an established session; for an attempt it is a failure",
        (
            Row(f"{prefix}1", ESTABLISHED, Event.CLOSE_RECEIVED, CLOSED, LEAVE, updates=EMPTIED, cites="3.8"),
            denied if starts else confirmed_first(),
            Ignore(Event.CLOSE_RECEIVED, because="the generation that it closes is over"),
        ),
    )


def reissuing(prefix: str, *, answers: bool) -> Part:
    """Rows of requests to reissue. `answers`: this end answers hellos while it is established, so a generation may end
    in RENEGOTIATING."""
    room, full = (HELD.below(),), (HELD.at_least(),)
    again, abandon = (Effect.HOLD_AGAIN,), (Effect.ABANDON_REQUEST,)
    while_answering = (
        Row(f"{prefix}3", RENEGOTIATING, Event.REISSUE, RENEGOTIATING, again,
            when=room, updates=(HELD.increment,), cites="6.6, 7.4"),
        Row(f"{prefix}4", RENEGOTIATING, Event.REISSUE, RENEGOTIATING, abandon, when=full, cites="6.6"),
    )  # fmt: skip
    return Part(
        "requests to be reissued wait before everything else; without room they fail",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.REISSUE, TIMED_OUT, again,
                when=room, updates=(HELD.increment,), cites="6.6, 7.4"),
            Row(f"{prefix}2", TIMED_OUT, Event.REISSUE, TIMED_OUT, abandon, when=full, cites="6.6"),
            *(while_answering if answers else ()),
            Refuse(Event.REISSUE, because="a request is reissued after a failure only"),
        ),
    )  # fmt: skip

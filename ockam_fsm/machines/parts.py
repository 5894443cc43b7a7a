"""The rows of the session machines, one part for each thing that a dimension adds. `session.py` composes them.

Rule 1: no clocks, no bytes, no routes. The core classifies those and gives a table one event.
Rule 2: both roles are composed from the same parts, so the same rules hold for both.
Rule 3: a row id means the same row in every table. A part that does something else in another dimension has another
        prefix; the letters after the first name the variant:

    T transient      P persistent      I implicit
    O this end renegotiates            W this end waits for another hello (one-sided responder)

Left out: identity and encryption, which are layers of their own.
Source: the discussion, "Sessions", "Implicit and explicit sessions", "Re-negotiating sessions"; spec/sessions.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ockam_fsm.kernel import machine as kernel
from ockam_fsm.kernel.machine import Guard, Ignore, Refuse, Row, Update
from ockam_fsm.machines.vocabulary import ATTEMPTS, CONFIRMED, HELD, MISSES, RESTING, Effect, Event, State

Part: TypeAlias = kernel.Part[State, Event, Effect]
Decision: TypeAlias = kernel.Decision[State, Event, Effect]
Effects: TypeAlias = tuple[Effect, ...]
Updates: TypeAlias = tuple[Update, ...]

IDLE, NEGOTIATING, ESTABLISHED = State.IDLE, State.NEGOTIATING, State.ESTABLISHED
TIMED_OUT, RENEGOTIATING, CLOSED = State.TIMED_OUT, State.RENEGOTIATING, State.CLOSED

WATCH_BY_KEEPALIVE: Effects = (Effect.START_KEEPALIVE,)
WATCH_BY_KEEPALIVE_AND_USE: Effects = (Effect.START_KEEPALIVE, Effect.START_IDLE)
WATCH_BY_SILENCE: Effects = (Effect.START_IDLE,)
"""The timers by which an established end detects that its peer is gone, or that the session is not used."""

ASK: Effects = (Effect.START_ATTEMPT, Effect.SEND_HELLO, Effect.START_NEGOTIATION)
ANSWER: Effects = (Effect.STOP_TIMERS, Effect.ACCEPT_ATTEMPT, Effect.SEND_ANSWER, Effect.START_NEGOTIATION)
ADOPT: Effects = (Effect.STOP_TIMERS, Effect.ADOPT_LINK, Effect.NOTIFY_ESTABLISHED)
END: Effects = (Effect.FAIL_REQUESTS, Effect.DISCARD_HELD, Effect.NOTIFY_CLOSED)
LEAVE: Effects = (Effect.STOP_TIMERS, Effect.FORGET_ROUTE, *END)
ESTABLISHED_AFRESH: Updates = (MISSES.reset, HELD.reset)
KEPT: Updates = (CONFIRMED.increment,)
"""From its confirmation on, a persistent responder keeps its state when it fails."""
CONFIRMED_BEFORE: Guard = (CONFIRMED.at_least(1),)
"""The responder was confirmed in this generation or an earlier one."""
EMPTIED: Updates = (HELD.reset,)


@dataclass(frozen=True)
class Proof:
    """Effects and updates of each message that arrives in the current generation: it proves that the peer is alive,
    which an answer alone does not (clause 3.4)."""

    effects: Effects = ()
    updates: Updates = ()


NO_PROOF = Proof()
PROOF = Proof((Effect.RESET_BACK_OFF,), (ATTEMPTS.reset,))


def fail(wait: Effect) -> Effects:
    """The effects of a failure: the messaging route is forgotten, the owner notified, and `wait` begins."""
    return (Effect.STOP_TIMERS, Effect.FORGET_ROUTE, Effect.RETIRE_REQUESTS, Effect.NOTIFY_TIMED_OUT, wait)


def established_by_answer(watch: Effects) -> Effects:
    """The effects that establish the starter; its first keepalive confirms the answer to the peer."""
    return (*ADOPT, Effect.SEND_KEEPALIVE, *watch, Effect.FORWARD_HELD)


def established_by_confirmation(watch: Effects) -> Effects:
    return (*ADOPT, *watch, Effect.FORWARD_HELD)


def created_by_order(prefix: str, counted: Updates) -> Part:
    return Part(
        "explicit creation: an API call opens the session",
        (
            Row(f"{prefix}1", IDLE, Event.OPEN, NEGOTIATING, ASK, updates=counted, cites="discussion: explicit; 2.2"),
            Refuse(Event.OPEN, because="the session is open already", remedy="make a new session to open another one"),
            Refuse(Event.SEND, (IDLE,), because="the session is not open", remedy="open the session first"),
        ),
    )


def created_by_message(prefix: str, counted: Updates) -> Part:
    effects = (Effect.HOLD, *ASK)
    updates = (HELD.increment, *counted)
    return Part(
        "implicit creation: the first message that is forwarded creates the session",
        (
            Row(
                f"{prefix}1", IDLE, Event.SEND, NEGOTIATING, effects, updates=updates, cites="discussion: implicit; 2.2"
            ),
            Refuse(Event.OPEN, because="a message creates an implicit session", remedy="send a message through it"),
        ),
    )


def created_by_hello() -> Part:
    return Part(
        "a responder is created by its host when a hello arrives",
        (
            Row("A1", IDLE, Event.HELLO_NEWER, NEGOTIATING, ANSWER, cites="discussion: negotiation; 4.2"),
            Refuse(Event.OPEN, because="a responder waits for a hello", remedy="open the initiator"),
            Refuse(Event.SEND, (IDLE,), because="no hello has arrived yet", remedy="wait for a hello"),
        ),
    )


def own_negotiation(prefix: str, watch: Effects, wait: Effect) -> Part:
    failed = fail(wait)
    adopted, updates = established_by_answer(watch), ESTABLISHED_AFRESH
    return Part(
        "the first negotiation, started by this end",
        (
            Row(f"{prefix}1", NEGOTIATING, Event.ANSWER_CURRENT, ESTABLISHED, adopted, updates=updates, cites="4.3"),
            Row(f"{prefix}2", NEGOTIATING, Event.SUPERSEDED, TIMED_OUT, (Effect.CATCH_UP, *failed), cites="4.2"),
            Row(f"{prefix}3", NEGOTIATING, Event.ERROR_RECEIVED, TIMED_OUT, failed, cites="discussion: error messages"),
            Row(f"{prefix}4", NEGOTIATING, Event.GOING_AWAY_RECEIVED, TIMED_OUT, failed, cites="3.8"),
        ),
    )


def unexpected_answers(prefix: str, wait: Effect) -> Part:
    return Part(
        "answers that this end's attempt does not wait for",
        (
            Row(f"{prefix}1", ESTABLISHED, Event.ANSWER_CHANGED, TIMED_OUT, fail(wait), cites="4.3"),
            Ignore(Event.ANSWER_CURRENT, because="no attempt waits for this answer"),
            Ignore(Event.ANSWER_CHANGED, because="the generation that it answers is not established"),
            Ignore(Event.ANSWER_STALE, because="late answer"),
            Ignore(Event.SUPERSEDED, because="the attempt that it names is over"),
        ),
    )


def answering(prefix: str, watch: Effects, proof: Proof = NO_PROOF, kept: Updates = ()) -> Part:
    confirmed = (*established_by_confirmation(watch), *proof.effects)
    updates = (*proof.updates, *emptied_and_watched(watch), *kept)
    repeat, supersede = (Effect.SEND_ANSWER,), (Effect.SEND_SUPERSEDED,)
    return Part(
        "answering a hello: the session is established by the first message of the peer in the new generation",
        (
            Row(f"{prefix}1", NEGOTIATING, Event.CONFIRMED, ESTABLISHED, confirmed, updates=updates, cites="4.4"),
            Row(f"{prefix}2", NEGOTIATING, Event.HELLO_REPEATED, NEGOTIATING, repeat, cites="4.2"),
            Row(f"{prefix}3", ESTABLISHED, Event.HELLO_REPEATED, ESTABLISHED, repeat, cites="4.2"),
            Row(f"{prefix}4", NEGOTIATING, Event.HELLO_OLDER, NEGOTIATING, supersede, cites="4.2, 4.6"),
            Row(f"{prefix}5", ESTABLISHED, Event.HELLO_OLDER, ESTABLISHED, supersede, cites="4.2"),
            Ignore(Event.HELLO_NEWER, because="this session answers no hello now"),
            Ignore(Event.HELLO_REPEATED, because="this session answers no hello now"),
            Ignore(Event.HELLO_OLDER, because="this session answers no hello now"),
            Ignore(Event.CONFIRMED, because="no answer waits to be confirmed"),
        ),
    )


def exchanging_data(prefix: str, watch: Effects, proof: Proof = NO_PROOF) -> Part:
    on_send = (Effect.START_IDLE,) if watch == WATCH_BY_KEEPALIVE_AND_USE else ()
    on_data = (Effect.START_IDLE,) if Effect.START_IDLE in watch else ()
    on_keepalive = (*((Effect.START_IDLE,) if watch == WATCH_BY_SILENCE else ()), *proof.effects)
    counted = (*proof.updates, MISSES.reset) if Effect.START_KEEPALIVE in watch else ()
    return Part(
        "established: data both ways, and answers to keepalives",
        (
            Row(f"{prefix}1", ESTABLISHED, Event.SEND, ESTABLISHED, (Effect.SEND_DATA, *on_send), cites="7.3"),
            Row(f"{prefix}2", ESTABLISHED, Event.DATA_RECEIVED, ESTABLISHED, (Effect.DELIVER, *on_data, *proof.effects),
                updates=counted, cites="7.3"),
            Row(f"{prefix}3", ESTABLISHED, Event.KEEPALIVE_RECEIVED, ESTABLISHED,
                (Effect.ANSWER_KEEPALIVE, *on_keepalive), updates=counted, cites="4.7"),
            Ignore(Event.DATA_RECEIVED, because="no session is established"),
            Ignore(Event.KEEPALIVE_RECEIVED, because="no session is established"),
            Ignore(Event.STRAY, because="it belongs to no generation, address or request of this session"),
        ),
    )  # fmt: skip


def sending_keepalives(prefix: str, wait: Effect, proof: Proof = NO_PROOF) -> Part:
    again = (Effect.SEND_KEEPALIVE, Effect.START_KEEPALIVE)
    return Part(
        "keepalives: a bounded number of misses in a row is a failure",
        (
            Row(f"{prefix}1", ESTABLISHED, Event.KEEPALIVE_DUE, ESTABLISHED, again,
                when=(MISSES.below(),), updates=(MISSES.increment,), cites="4.7, 6.5"),
            Row(f"{prefix}2", ESTABLISHED, Event.KEEPALIVE_DUE, TIMED_OUT, fail(wait),
                when=(MISSES.at_least(),), cites="4.7, 6.5"),
            Row(f"{prefix}3", ESTABLISHED, Event.KEEPALIVE_ANSWERED, ESTABLISHED, proof.effects,
                updates=(*proof.updates, MISSES.reset), cites="4.7"),
            Ignore(Event.KEEPALIVE_ANSWERED, because="no keepalive waits for it"),
            Refuse(Event.KEEPALIVE_DUE, because="the keepalive timer runs in ESTABLISHED only"),
        ),
    )  # fmt: skip


def detecting_silence(prefix: str, wait: Effect) -> Part:
    return Part(
        "a responder that receives nothing for too long treats its peer as gone",
        (
            Row(f"{prefix}1", ESTABLISHED, Event.IDLE_EXPIRED, TIMED_OUT, fail(wait), cites="3.7"),
            Refuse(Event.IDLE_EXPIRED, because="the idle timer runs in ESTABLISHED only"),
        ),
    )


def closing_unused(prefix: str) -> Part:
    return Part(
        "an implicit transient session that is not used closes",
        (
            Row(
                f"{prefix}1",
                ESTABLISHED,
                Event.IDLE_EXPIRED,
                CLOSED,
                (Effect.SEND_CLOSE, *LEAVE),
                updates=EMPTIED,
                cites="3.7",
            ),
            Refuse(Event.IDLE_EXPIRED, because="the idle timer runs in ESTABLISHED only"),
        ),
    )


def failing(prefix: str, wait: Effect, when: Guard = ()) -> Part:
    """Rows of failures. `when`: the guard in NEGOTIATING; others close there (`persistence.never_confirmed`)."""
    failed = fail(wait)
    return Part(
        "failures that lead to TIMED_OUT",
        (
            Row(f"{prefix}1", NEGOTIATING, Event.NEGOTIATION_EXPIRED, TIMED_OUT, failed, when=when, cites="3.4, 3.9"),
            Row(f"{prefix}2", NEGOTIATING, Event.LOWER_LAYER_LOST, TIMED_OUT, failed, when=when, cites="3.11"),
            Row(f"{prefix}3", ESTABLISHED, Event.LOWER_LAYER_LOST, TIMED_OUT, failed, cites="3.11"),
            Row(f"{prefix}4", ESTABLISHED, Event.ERROR_RECEIVED, TIMED_OUT, failed, cites="discussion: error messages"),
            Row(f"{prefix}5", ESTABLISHED, Event.REQUEST_EXPIRED, TIMED_OUT, failed,
                cites="discussion: request timeouts"),
            Row(f"{prefix}6", ESTABLISHED, Event.GOING_AWAY_RECEIVED, TIMED_OUT, failed, cites="3.8"),
            Ignore(Event.GOING_AWAY_RECEIVED, because="the generation that it concerns is over"),
            Ignore(Event.LOWER_LAYER_LOST, because="no route leads over it now"),
            Ignore(Event.ERROR_RECEIVED, because="the attempt or generation that it concerns is over"),
            Refuse(Event.REQUEST_EXPIRED, because="no request is pending"),
            Refuse(Event.NEGOTIATION_EXPIRED, because="the negotiation timer runs during negotiations only"),
        ),
    )  # fmt: skip


def confirmed_first() -> Decision:
    """Ignore a close in `NEGOTIATING` at an end that answers: it arrives in `ESTABLISHED` only (15.23)."""
    because = "any message in the answered generation confirms it first"
    return Ignore(Event.CLOSE_RECEIVED, (NEGOTIATING,), because=because)


def closed_at_contact(prefix: str, *states: State) -> Part:
    return Part(
        "a peer without a messaging route closes the session along the initialization route",
        (
            *_leaving(prefix, Event.CLOSE_AT_CONTACT, LEAVE, states),
            Ignore(Event.CLOSE_AT_CONTACT, because="the session is over"),
        ),
    )


def ending_with_failure(prefix: str, *, starts: bool) -> Part:
    """Rows of a transient session after a failure or a close. `starts`: this end starts the negotiation, so its peer
    may close before it has answered."""
    denied = Row(f"{prefix}2", NEGOTIATING, Event.CLOSE_RECEIVED, CLOSED, LEAVE, updates=EMPTIED, cites="3.8")
    return Part(
        "transient: a failure ends the session",
        (
            Row(f"{prefix}1", TIMED_OUT, Event.BACK_OFF_EXPIRED, CLOSED, END, updates=EMPTIED, cites="3.3"),
            denied if starts else confirmed_first(),
            Row(f"{prefix}3", ESTABLISHED, Event.CLOSE_RECEIVED, CLOSED, LEAVE, updates=EMPTIED, cites="3.8"),
            Ignore(Event.CLOSE_RECEIVED, because="the session is over"),
            Refuse(Event.BACK_OFF_EXPIRED, because="the back-off runs in TIMED_OUT only"),
            Refuse(Event.SEND, (TIMED_OUT,), because="the session has failed", remedy="make a new session"),
            Refuse(Event.RENEGOTIATE, because="a transient session never renegotiates", remedy="make a new session"),
        ),
    )


def holding(prefix: str, *states: State, resting: bool = False) -> Part:
    """Hold messages of the application in `states`. `resting`: another row handles a message that comes at rest."""
    awake = (RESTING.below(1),) if resting else ()
    full = "the session is not established and can hold no more messages"
    rows = tuple(
        Row(f"{prefix}{number}", state, Event.SEND, state, (Effect.HOLD,),
            when=(*awake, HELD.below()), updates=(HELD.increment,), cites="7.2")
        for number, state in enumerate(states, 1)
    )  # fmt: skip
    refusals = tuple(
        Refuse(Event.SEND, (state,), because=full, when=(*awake, HELD.at_least()),
               remedy="wait until the session is established, or give it a larger hold capacity")
        for state in states
    )  # fmt: skip
    return Part("messages wait for the session, in order and within its capacity", (*rows, *refusals))


def withdrawing(prefix: str, *states: State) -> Part:
    """Remove a held message in `states` when its sender takes it back; the session goes on."""
    none = "no message waits here"
    rows = tuple(
        Row(f"{prefix}{number}", state, Event.WITHDRAW, state, (Effect.TAKE_BACK,),
            when=(HELD.at_least(1),), updates=(HELD.decrement,), cites="6.7")
        for number, state in enumerate(states, 1)
    )  # fmt: skip
    empty = Refuse(Event.WITHDRAW, states, because=none, when=(HELD.below(1),))
    return Part("a message that waits is taken back", (*rows, empty, Refuse(Event.WITHDRAW, because=none)))


def closing(prefix: str, *states: State) -> Part:
    over = "the session is closed"
    return Part(
        "closing, by order of the application",
        (
            *_leaving(prefix, Event.CLOSE, (Effect.SEND_CLOSE, *LEAVE), states),
            Ignore(Event.CLOSE, (CLOSED,), because=over),
            Refuse(Event.SEND, (CLOSED,), because=over, remedy="make a new session"),
        ),
    )


def stopping(prefix: str, *states: State) -> Part:
    return Part(
        "going away: the node or the host stops; for a persistent peer the session goes on",
        (
            *_leaving(prefix, Event.STOP, (Effect.SEND_GOING_AWAY, *LEAVE), states),
            Ignore(Event.STOP, (CLOSED,), because="the session is closed"),
        ),
    )


def _leaving(prefix: str, event: Event, effects: Effects, states: tuple[State, ...]) -> tuple[Decision, ...]:
    return tuple(
        Row(f"{prefix}{number}", state, event, CLOSED, effects, updates=EMPTIED, cites="3.8")
        for number, state in enumerate(states, 1)
    )


def emptied_and_watched(watch: Effects) -> Updates:
    """The counters that establishment resets: held messages, and missed keepalives where this end sends any."""
    return ESTABLISHED_AFRESH if Effect.START_KEEPALIVE in watch else (HELD.reset,)

"""The vocabulary of the session machines: types, states, events, effects, counters.

Rule 1: each thing has one name, the same in Python, the diagrams, the specification and the logs.
Rule 2: a state names what the session is or awaits; an event is a fact or a user's order; an effect is an action.
Source: the discussion's glossary; `spec/sessions.md` sections 1 to 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from ockam_fsm.kernel.machine import Counter
from ockam_fsm.kernel.value import Symbol


class Role(IntEnum):
    """The side of a session that an end is on; the order settles collisions (responder < initiator)."""

    RESPONDER = 0
    INITIATOR = 1


class Creation(Symbol):
    """What creates the session: an API call, or the first message that is forwarded through it."""

    EXPLICIT = "explicit"
    IMPLICIT = "implicit"


class Renegotiation(Symbol):
    """The ends that may negotiate again after a failure. None of them: the session is transient."""

    NONE = "none"
    ONE_SIDED = "one-sided"
    TWO_SIDED = "two-sided"


@dataclass(frozen=True, slots=True)
class SessionType:
    """One of the six types; lifetime follows from renegotiation (none: transient)."""

    creation: Creation
    renegotiation: Renegotiation
    summary: str

    def __repr__(self) -> str:
        return f"<SessionType {self.name}>"

    @property
    def persistent(self) -> bool:
        return self.renegotiation is not Renegotiation.NONE

    @property
    def name(self) -> str:
        lifetime = f"persistent-{self.renegotiation.value}" if self.persistent else "transient"
        return f"{self.creation.value}-{lifetime}"

    def renegotiated_by(self, role: Role) -> bool:
        """Whether the endpoint of this role may start a negotiation after the first one."""
        one_sided = self.renegotiation is Renegotiation.ONE_SIDED and role is Role.INITIATOR
        return one_sided or self.renegotiation is Renegotiation.TWO_SIDED


class State(Symbol):
    """Control states of a session worker."""

    IDLE = "nothing negotiated yet"
    NEGOTIATING = "the first negotiation is under way"
    ESTABLISHED = "messages travel on the messaging route"
    TIMED_OUT = "a failure was decided; the messaging route is forgotten"
    RENEGOTIATING = "a further negotiation is under way"
    CLOSED = "final"


class Event(Symbol):
    """Facts and orders, as classified by the session core."""

    OPEN = "order: open the session"
    SEND = "order: send a message of the application"
    WITHDRAW = "order: take back a message that waits"
    RENEGOTIATE = "order: renegotiate now"
    CLOSE = "order: close the session"
    STOP = "order: end with the node or the host, which stops"
    HELLO_NEWER = "a hello of a newer generation arrived"
    HELLO_REPEATED = "the hello that this end has answered arrived again"
    HELLO_OLDER = "a hello that is not newer arrived"
    ANSWER_CURRENT = "the answer to this end's own attempt arrived"
    ANSWER_CHANGED = "the current generation was answered again from another address: the peer restarted"
    ANSWER_STALE = "an answer to something else arrived"
    SUPERSEDED = "this end's own attempt was not new to the peer"
    PREVIOUS_ENDED = "the generation that was still usable has ended: its successor is confirmed"
    CONFIRMED = "a message of the peer arrived in the generation that this end has answered"
    DATA_RECEIVED = "a message of the application arrived in the current generation"
    KEEPALIVE_RECEIVED = "a keepalive of the peer arrived"
    KEEPALIVE_ANSWERED = "the answer to a keepalive arrived"
    CLOSE_RECEIVED = "a close of the peer arrived in the current generation"
    CLOSE_AT_CONTACT = "a close of a peer without a messaging route arrived on the initialization route"
    GOING_AWAY_RECEIVED = "the node or the host of the peer stops"
    ERROR_RECEIVED = "an error message came back"
    STRAY = "a message that belongs to no generation, address or request of this session arrived"
    LOWER_LAYER_LOST = "the session below reports that it is gone"
    REQUEST_EXPIRED = "a synchronous request got no response in time"
    REISSUE = "a pending request is to be sent again in the next generation"
    NEGOTIATION_EXPIRED = "timer: the negotiation took too long"
    BACK_OFF_EXPIRED = "timer: the back-off is over"
    KEEPALIVE_DUE = "timer: time for the next keepalive"
    IDLE_EXPIRED = "timer: nothing was received, or the session was not used, for too long"
    RETENTION_EXPIRED = "timer: the state of a silent peer was kept long enough"


class Effect(Symbol):
    """Actions of a row, carried out by the session core in the order of the row."""

    START_ATTEMPT = "make the next generation, with a fresh inner address"
    ACCEPT_ATTEMPT = "take the hello's generation as the attempt, with a fresh inner address"
    DROP_ATTEMPT = "forget the attempt; its address vanishes"
    ADOPT_LINK = "the attempt becomes the current generation; the previous one ends"
    END_CURRENT = "the current generation ends; its address vanishes"
    FORGET_ROUTE = "forget the messaging route and any attempt; their addresses vanish"
    CATCH_UP = "remember the largest number that the peer has seen"
    SEND_HELLO = "send the hello of the attempt on the initialization route"
    SEND_ANSWER = "answer the hello"
    SEND_SUPERSEDED = "send the largest number seen to the sender of the hello"
    SEND_DATA = "send the message on the messaging route"
    SEND_KEEPALIVE = "send a keepalive to the peer"
    ANSWER_KEEPALIVE = "answer the keepalive of the peer"
    SEND_CLOSE = "send a close to the peer, best effort"
    SEND_GOING_AWAY = "send the peer, best effort, that this end stops"
    HOLD = "put the message at the end of the held ones"
    HOLD_AGAIN = "put the request before the held messages, behind those reissued already"
    TAKE_BACK = "the message leaves those that are held, and becomes a dead letter"
    FORWARD_HELD = "send everything held, in order"
    DISCARD_HELD = "everything held becomes a dead letter"
    DELIVER = "hand the message to the application, or the response to its request"
    RETIRE_REQUESTS = "pending requests fail, or are reissued if their caller chose that"
    ABANDON_REQUEST = "the request fails: there is no room to hold it"
    FAIL_REQUESTS = "every open request fails"
    START_NEGOTIATION = "start the negotiation timer"
    START_BACK_OFF = "start the back-off timer"
    RESET_BACK_OFF = "the next back-off is the first again"
    START_ZERO_BACK_OFF = "start the back-off timer with no delay"
    START_KEEPALIVE = "start the keepalive timer"
    START_IDLE = "start the idle timer afresh"
    START_RETENTION = "start the retention timer"
    STOP_TIMERS = "stop every timer of the session"
    NOTE_EXHAUSTED = "the reason is: the budget of attempts is spent"
    NOTIFY_ESTABLISHED = "notify the owner: established"
    NOTIFY_TIMED_OUT = "notify the owner: timed out"
    NOTIFY_CLOSED = "notify the owner: closed, with the reason"


ATTEMPTS = Counter(
    "attempts", 3, "attempts of this end since its peer last sent in a current generation", unlimited_allowed=True
)
HELD = Counter("held", 2, "messages that wait for the session; the capacity is the limit (0: nothing is held)")
MISSES = Counter("misses", 2, "keepalives sent in a row with nothing received since")
USABLE = Counter("usable", 1, "1 while the previous generation is still usable")
CONFIRMED = Counter("confirmed", 1, "1 once the session was established here, in this or an earlier incarnation")
RESTING = Counter("resting", 1, "1 while the back-off is over and nothing waits to be sent")

MESSAGES: Mapping[Effect, tuple[Event, ...]] = {
    Effect.SEND_HELLO: (Event.HELLO_NEWER, Event.HELLO_REPEATED, Event.HELLO_OLDER),
    Effect.SEND_ANSWER: (Event.ANSWER_CURRENT, Event.ANSWER_CHANGED),
    Effect.SEND_SUPERSEDED: (Event.SUPERSEDED,),
    Effect.SEND_KEEPALIVE: (Event.KEEPALIVE_RECEIVED, Event.CONFIRMED),
    Effect.ANSWER_KEEPALIVE: (Event.KEEPALIVE_ANSWERED,),
    Effect.SEND_DATA: (Event.DATA_RECEIVED, Event.CONFIRMED),
    Effect.SEND_CLOSE: (Event.CLOSE_RECEIVED, Event.CLOSE_AT_CONTACT),
    Effect.SEND_GOING_AWAY: (Event.GOING_AWAY_RECEIVED,),
}
"""The events of each sent message at its receiver, its kind first. FORWARD_HELD is SEND_DATA many times."""

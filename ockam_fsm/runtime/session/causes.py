"""The causes of a session's events, and the reasons of its failures and of its end.

Source: spec/sessions.md sections 3 and 7.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, TypeAlias

from ockam_fsm.machines.vocabulary import Event
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import Signal


class Inbound(NamedTuple):
    """A message of the peer, and the signal that it carries."""

    message: Message
    signal: Signal


class Response(NamedTuple):
    """A message of the peer that answers a request of this end."""

    message: Message
    request: Hashable
    payload: bytes


Cause: TypeAlias = Inbound | Response | Outgoing | str | None
"""The cause of an event. Text is the detail of a lower layer that was lost."""

REASONS = {
    Event.CLOSE: "closed by order",
    Event.STOP: "stopped",
    Event.CLOSE_RECEIVED: "closed by the peer",
    Event.CLOSE_AT_CONTACT: "closed by the peer",
    Event.GOING_AWAY_RECEIVED: "the peer goes away",
    Event.RENEGOTIATE: "renegotiation by order",
    Event.NEGOTIATION_EXPIRED: "negotiation timed out",
    Event.KEEPALIVE_DUE: "keepalives missed",
    Event.IDLE_EXPIRED: "idle for too long",
    Event.RETENTION_EXPIRED: "reaped",
    Event.REQUEST_EXPIRED: "request timed out",
    Event.ERROR_RECEIVED: "error message",
    Event.LOWER_LAYER_LOST: "lower layer lost",
    Event.SUPERSEDED: "superseded",
    Event.ANSWER_CHANGED: "peer restarted",
}
"""Reasons of failures and closings. The end of a back-off has none: the failure before it has."""

EXHAUSTED = "attempts exhausted"
NO_ROOM = "no room to hold it"
PEER_LOST_STATE = "the peer has lost its state"

"""Witnesses and recoverability of sessions as predicates over the ends of a world (`properties.py` names them).

A witness is an event that must occur at least once, so that no safety property holds vacuously. Recoverability is
judged on the whole graph: from every state where the premise holds, the goal is reachable by system steps alone.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable

from ockam_fsm.checking.actors import Fire
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import End
from ockam_fsm.checking.sessions.step_facts import StepPredicate, arrival, changes, owned, signal_of
from ockam_fsm.machines.vocabulary import Creation, State
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.handshake import Profile
from ockam_fsm.runtime.session.host import FULL
from ockam_fsm.runtime.session.session import LATE_RESPONSE, Snapshot
from ockam_fsm.runtime.session.signals import Answer, Hello, Superseded
from ockam_fsm.safety.links import is_own
from ockam_fsm.safety.session_step import SessionStep


def established_together(initiator: End, responder: End) -> bool:
    mine = initiator.session
    if mine is None or mine.state is not State.ESTABLISHED or mine.current is None:
        return False
    address = mine.current.generation.address
    return any(
        image.state is State.ESTABLISHED and image.current is not None and image.current.generation.address == address
        for _, image in responder.sessions
    )


def renegotiated_after(reason: str) -> StepPredicate:
    def shows(step: Step) -> bool:
        return any(
            before is not None
            and after is not None
            and before.state is State.RENEGOTIATING
            and before.reason == reason
            and after.state is State.ESTABLISHED
            for _, before, after in changes(step)
        )

    return shows


def collision(profile: Profile) -> StepPredicate:
    """A hello arrives at an end that has a negotiation of its own under way."""

    def shows(step: Step) -> bool:
        packet = arrival(step)
        if packet is None or not isinstance(signal_of(packet.message, profile), Hello):
            return False
        return any(before is not None and is_own(before.attempt) for _, before, _ in changes(step))

    return shows


def stale_response(profile: Profile) -> StepPredicate:
    """An answer, or the response to a request, came too late and became a dead letter."""

    def shows(step: Step) -> bool:
        packet = arrival(step)
        letters = [command for _, command in owned(step) if isinstance(command, commands.DeadLetter)]
        if packet is None or not letters:
            return False
        late_answer = isinstance(signal_of(packet.message, profile), Answer)
        return late_answer or any(letter.reason == LATE_RESPONSE for letter in letters)

    return shows


def forwards_held(step: SessionStep) -> bool:
    held = [outgoing.payload for outgoing, _ in step.before.waiting] if step.before is not None else []
    return any(payload in held for payload in step.sent_data)


def exhausted(step: Step) -> bool:
    closed = [n.notice for _, n in owned(step) if isinstance(n, commands.Notify)]
    return any(isinstance(notice, commands.Closed) and notice.reason == EXHAUSTED for notice in closed)


def reaped(step: Step) -> bool:
    """A timer ended a responder."""
    alone = isinstance(step.event, Fire) and step.actor == "responder"
    return alone and any(before is not None and after is None for _, before, after in changes(step))


def is_full(step: Step) -> bool:
    """A host rejects the hello of another session for lack of room."""
    return any(isinstance(command, commands.DeadLetter) and command.reason == FULL for _, command in owned(step))


def catches_up(profile: Profile) -> StepPredicate:
    """A superseded end learns the number from which its next attempt starts."""

    def shows(step: Step) -> bool:
        packet = arrival(step)
        if packet is None or not isinstance(signal_of(packet.message, profile), Superseded):
            return False
        return any(before and after and before.seen < after.seen for _, before, after in changes(step))

    return shows


def opened(config: PairConfig) -> Callable[[End, End], bool]:
    """The initiator was opened by its user, or its supervisor is about to open it again after a restart."""
    reopened = config.session_type.creation is Creation.EXPLICIT

    def holds(initiator: End, responder: End) -> bool:
        image = initiator.session
        waits = reopened and initiator.incarnation > 0
        return image is not None and image.state is not State.CLOSED and (waits or image.state is not State.IDLE)

    return holds


def settled(initiator: End, responder: End) -> bool:
    image = initiator.session
    if image is None:
        return False
    resting = image.state is State.TIMED_OUT and bool(image.resting) and not image.waiting
    return image.state in (State.ESTABLISHED, State.CLOSED) or resting


def has_budget(config: PairConfig) -> Callable[[End, End], bool]:
    """Opened, with two attempts left: an end that has lost its state may need one of them to catch up.

    An implicit session must also have a waiting message and no usable previous generation. In profile `ockam`, which
    has no keepalives, there must be an open request instead.
    """
    implicit = config.session_type.creation is Creation.IMPLICIT
    is_opened = opened(config)

    def holds(initiator: End, responder: End) -> bool:
        image = initiator.session
        if image is None or not is_opened(initiator, responder) or not _attempts_left(image, config):
            return False
        if not config.profile.keeps_alive:
            return bool(image.requests)
        return not implicit or (bool(image.waiting) and not image.usable)

    return holds


def established_with_budget(config: PairConfig) -> Callable[[End, End], bool]:
    """Established together, and if the session is persistent, with two attempts left."""

    def holds(initiator: End, responder: End) -> bool:
        image = initiator.session
        left = image is not None and (not config.session_type.persistent or _attempts_left(image, config))
        return left and established_together(initiator, responder)

    return holds


def _attempts_left(image: Snapshot, config: PairConfig) -> bool:
    return config.attempts is None or image.attempts + 2 <= config.attempts


def has_request(initiator: End, responder: End) -> bool:
    return initiator.session is not None and bool(initiator.session.requests)


def no_request(initiator: End, responder: End) -> bool:
    return not has_request(initiator, responder)


def orphaned(initiator: End, responder: End) -> bool:
    """Some responder has no live peer: the initiator is idle, closed or missing, or is in another session."""
    image = initiator.session
    alone = image is None or image.state in (State.IDLE, State.CLOSED)
    return bool(responder.sessions) and (alone or any(_unknown(key, initiator) for key, _ in responder.sessions))


def _unknown(key: object, initiator: End) -> bool:
    return isinstance(key, bytes) and any(key) and key[-1] != initiator.incarnation + 1


def not_orphaned(initiator: End, responder: End) -> bool:
    return not orphaned(initiator, responder)

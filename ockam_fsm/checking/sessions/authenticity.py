"""Predicates for secure channels: authentic single delivery, no effect of forged messages, recovery (S36, S37, R8).

Rule 1: the predicates read terms, links and ghosts, and never call the protection that they judge. The ghost
        `End.read_messages` holds the messages that an end has read in its open channels.
Rule 2: the first message of a handshake is not authentic: any party may send one, and it creates a responder.
Source: spec/sessions.md section 18.
"""

from __future__ import annotations

from collections.abc import Callable

from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.liveness import established_together
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, End
from ockam_fsm.checking.sessions.step_facts import StepPredicate, arrival, changes, emitted, owned
from ockam_fsm.checking.sessions.symbolic_channel import (
    ANSWER,
    AUTHOR,
    CHANNEL_MESSAGE,
    CONFIRMATION,
    HELLO,
    Open,
    SymbolicProfile,
    Term,
    keys_of,
    term_of,
)
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.safety.links import is_own, reaches


def is_first(message: Message) -> bool:
    """Whether the message is the first of a handshake, sent to the address of the host."""
    term = term_of(message.payload)
    return term is not None and term.message == HELLO and message.onward_route[0] == HOST_ADDRESS


def authentic(message: Message, image: Snapshot | None, end: End, profile: SymbolicProfile) -> bool:
    """Whether the peer wrote the message in this session's handshake, and it is expected and was not read before."""
    term = term_of(message.payload)
    if term is None or image is None:
        return False
    address, attempt, current = message.onward_route[0], image.attempt, image.current
    if attempt is not None and reaches(attempt, address):
        return _is_next(term, attempt)
    if current is None or not reaches(current, address) or term.message != CHANNEL_MESSAGE:
        return False
    return _is_of_peer(term, current) and _is_in_window(term.nonce, nonces(end, current), profile)


def _is_next(term: Term, attempt: Link) -> bool:
    """Whether the term is the message that an attempt waits for."""
    starter, _ = keys_of(attempt)
    if is_own(attempt):
        return (term.message, term.starter, term.author) == (ANSWER, starter, AUTHOR[Role.RESPONDER])
    return term.message == CONFIRMATION and _is_of_peer(term, attempt)


def _is_of_peer(term: Term, link: Link) -> bool:
    peer = Role.RESPONDER if is_own(link) else Role.INITIATOR
    return (term.starter, term.answerer) == keys_of(link) and term.author == AUTHOR[peer]


def nonces(end: End, link: Link) -> set[int]:
    """The nonces that an end has read in a generation."""
    terms = [term for term in map(term_of, end.read_messages) if term is not None]
    return {term.nonce for term in terms if (term.starter, term.answerer) == keys_of(link)}


def _is_in_window(nonce: int, read: set[int], profile: SymbolicProfile) -> bool:
    newest = max(read, default=-1)
    return nonce not in read and newest - profile.late <= nonce <= newest + 1 + profile.lost


def delivered_once(profile: SymbolicProfile) -> StepPredicate:
    def holds(step: Step) -> bool:
        packet = arrival(step)
        for key, before, _ in changes(step):
            told = [one for one in emitted(step, key, commands.Notify) if isinstance(one.notice, commands.Responded)]
            if not emitted(step, key, commands.Deliver) and not told:
                continue
            if packet is None or not authentic(packet.message, before, step.before, profile):
                return False
        return True

    return holds


def strangers_change_nothing(profile: SymbolicProfile) -> StepPredicate:
    def holds(step: Step) -> bool:
        packet = arrival(step)
        if packet is None or is_first(packet.message):
            return True
        if any(authentic(packet.message, image, step.before, profile) for _, image in step.before.sessions):
            return True
        letters = [command for _, command in owned(step)]
        refused = [one for one in letters if isinstance(one, commands.DeadLetter) and one.message == packet.message]
        same = (step.before, step.timers_before) == (step.after, step.timers_after)
        return same and len(refused) == len(letters) == 1

    return holds


def hear_each_other(profile: SymbolicProfile, *, persistent: bool) -> Callable[[End, End], bool]:
    """Both are established in one generation, and each can read the other's next message; or the initiator of a
    transient pair has closed."""

    def holds(initiator: End, responder: End) -> bool:
        mine = initiator.session
        if mine is None or mine.state is State.CLOSED:
            return not persistent
        if not established_together(initiator, responder):
            return False
        assert mine.current is not None
        theirs = next(image for _, image in responder.sessions if image.current is not None
                      and keys_of(image.current) == keys_of(mine.current))  # fmt: skip
        assert theirs.current is not None
        there = _reads(responder, theirs.current, mine, profile)
        return there and _reads(initiator, mine.current, theirs, profile)

    return holds


def _reads(reader: End, link: Link, writer: Snapshot, profile: SymbolicProfile) -> bool:
    protection = writer.current_protection
    assert isinstance(protection, Open)
    return protection.sent < profile.nonces and _is_in_window(protection.sent, nonces(reader, link), profile)

"""The safety properties of sessions as predicates over the ends of a world (`properties.py` names them).

Rule 1: a predicate reads snapshots, events and commands, never a table and never the code that it judges.
Rule 2: step properties see one step of one end; state properties see both ends. What a message was sent in is a ghost
        that travels with it (`Packet.sent_in`).
Rule 3: every S and R has a machine of its own that breaks it (`known_bad.py`); every S has a witness that it was tried.
Left out: S10 and S14 (node_world.py), which need more than two workers; S15 and R4, which need a stream.
Source: spec/sessions.md section 8, generated from the sentences below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias, cast

from ockam_fsm.checking.actors import Deliver, Fault, Fire, Order
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import (
    CONTACT,
    DATA_TAG,
    HOST_ADDRESS,
    INITIATOR,
    REQUEST,
    RESPONDER,
    RESTARTS,
    SEND,
    WITHDRAW,
    End,
    Packet,
    started_attempt,
)
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile, overheard, plaintext_of
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.handshake import GENERATION, PROFILES, Place, Profile
from ockam_fsm.runtime.session.host import Owned
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import Answer, Close, Data, Hello, Keepalive, KeepaliveAnswer, Signal, Superseded

BOTH = (INITIATOR, RESPONDER)
Key: TypeAlias = Any
StepPredicate: TypeAlias = Callable[[Step], bool]
Change: TypeAlias = tuple[Key, Snapshot | None, Snapshot | None]


def changes(step: Step) -> Iterator[Change]:
    """Each session of the end: its key, what it was (None: it was made in this step), what it is (None: closed)."""
    before, after = dict(step.before.sessions), dict(step.after.sessions)
    for key in {**before, **after}:
        yield key, before.get(key), after.get(key)


def owned(step: Step) -> tuple[Owned, ...]:
    """Every command of this step, with the session that asked for it."""
    return cast("tuple[Owned, ...]", step.records)


def emitted(step: Step, key: Key, kind: type[Any]) -> list[Any]:
    return [command for owner, command in owned(step) if owner == key and isinstance(command, kind)]


def arrival(step: Step) -> Packet | None:
    """The packet that this step delivers, if it delivers one that can be read."""
    event = step.event
    return event.payload if isinstance(event, Deliver) and isinstance(event.payload, Packet) else None


def signal_of(message: Message, profile: Profile) -> Signal | None:
    """What a message says; None for bytes that say nothing."""
    return _signal_of(message, profile.name)


@cache
def _signal_of(message: Message, name: str) -> Signal | None:
    if not message.onward_route:
        return None
    handshake = message.onward_route[-1].value.endswith(b"h")
    static = message.onward_route[-1] in (HOST_ADDRESS, CONTACT)
    place = Place.NEGOTIATION_START if static else Place.HANDSHAKE if handshake else Place.WORKER
    try:
        if name == SymbolicProfile.name:
            return overheard(message.payload)
        return PROFILES[name].decode(message.payload, place, message.return_route)
    except RemoteSessionError:
        return None


def live_links(image: Snapshot | None) -> list[Link]:
    return [] if image is None else [link for link in (image.attempt, image.current) if link is not None]


def largest(image: Snapshot) -> tuple[int, int]:
    """The largest generation that an end knows, an attempt that is not confirmed yet included."""
    return max([image.seen, *(link.generation.rank for link in live_links(image))])


def named(image: Snapshot, *, own: bool) -> Address | None:
    """Which generation a close without a messaging route is about, by its starter's address. `own`: this end closes."""
    attempt = image.attempt
    kept = image.has_state and not own  # from an earlier incarnation
    if image.established_in is not None or attempt is None or kept:
        return image.established_in
    return attempt.generation.address if (attempt.generation.address == attempt.inner) is own else None


def closes(close: Close, image: Snapshot) -> bool:
    """Whether a close at its contact address is for an end: it names what the end was in, and nothing is newer."""
    return close.address == named(image, own=False) and close.number >= largest(image)[0]


def reaches(link: Link, address: Address) -> bool:
    return address in (link.inner, link.handshake) or address.value.startswith(link.reply_prefix)


def is_sent_in(packet: Packet, link: Link) -> bool:
    """Whether data was sent in the generation of this link. Where nothing names it, its starter's address does."""
    return packet.sent_in in (link.generation.rank, link.generation.address)


def restarted(step: Step) -> bool:
    return isinstance(step.event, Fault) and step.event.fault in RESTARTS


# Safety ---------------------------------------------------------------------------------------------------------------


def in_time(step: Step) -> bool:
    packet = arrival(step)
    for key, before, after in changes(step):
        if not emitted(step, key, commands.Deliver):
            continue
        established = any(image is not None and image.state is State.ESTABLISHED for image in (before, after))
        if not established and not _reaches_previous(before, packet):
            return False
    return True


def _reaches_previous(before: Snapshot | None, packet: Packet | None) -> bool:
    if before is None or packet is None or before.current is None or not before.usable:
        return False
    return before.state is State.RENEGOTIATING and reaches(before.current, packet.message.onward_route[0])


def closed_is_final(step: Step) -> bool:
    for key, before, after in changes(step):
        if before is not None and before.state is State.CLOSED and not restarted(step):
            silent = not emitted(step, key, commands.Send)
            if after is None or after.state is not State.CLOSED or not silent:
                return False
    return True


def negotiates_once(step: Step) -> bool:
    own = started_attempt(step.before, step.after)
    sessions = step.before.sessions
    return not own or restarted(step) or not sessions or sessions[0][1].state is State.IDLE


def keeps_its_state(profile: Profile) -> StepPredicate:
    def holds(step: Step) -> bool:
        outer = step.actor.encode()
        for key, before, after in changes(step):
            lost = before is not None and after is not None and before.has_state and not after.has_state
            backs = [deliver.return_route[0].value for deliver in emitted(step, key, commands.Deliver)]
            moved = profile.carries_routes and any(back != outer for back in backs)
            if moved or (lost and not restarted(step)):
                return False
        return True

    return holds


def numbers_grow(step: Step) -> bool:
    both = ((b, a) for _, b, a in changes(step) if b is not None and a is not None)
    return restarted(step) or all(
        before.seen == after.seen or (before.seen < after.seen and _may_grow(step, before, after))
        for before, after in both
    )


def _may_grow(step: Step, before: Snapshot, after: Snapshot) -> bool:
    """By an attempt of its own, by what superseded it, or when its answer is confirmed: a hello alone teaches nothing
    that outlives it."""
    attempt, packet = before.attempt, arrival(step)
    if started_attempt(step.before, step.after):
        return True
    if attempt is None or not isinstance(step.event, Deliver | Fault):
        return False
    reached = packet is None or reaches(attempt, packet.message.onward_route[0])
    return (reached and after.seen == attempt.generation.rank) or attempt.generation.address == attempt.inner


def only_its_generation_changes_it(profile: Profile) -> StepPredicate:
    def holds(step: Step) -> bool:
        packet = arrival(step)
        if packet is None:
            return True
        signal = signal_of(packet.message, profile)
        for _, before, after in changes(step):
            forgotten = before is not None and before.state is State.IDLE and after is None  # nobody asked for it
            if before is not None and before != after and not forgotten and not _concerns(before, packet, signal):
                return False
        return True

    return holds


def _concerns(image: Snapshot, packet: Packet, signal: Signal | None) -> bool:
    """Whether the message belongs to a generation that this end has under way, or is a newer hello."""
    links = live_links(image)
    match signal:
        case Hello(generation=generation):
            return generation.rank > largest(image)
        case Answer(generation=None):
            return any(reaches(link, packet.message.onward_route[0]) for link in links)
        case Answer(generation=generation):
            return any(link.generation == generation for link in links)
        case Superseded(address=address):
            return image.attempt is not None and image.attempt.generation.address == address
        case Close() as close if packet.message.onward_route[0] in (HOST_ADDRESS, CONTACT):
            return closes(close, image)
        case Data() if packet.sent_in is not None:
            return any(is_sent_in(packet, link) for link in links)
    return any(reaches(link, packet.message.onward_route[0]) for link in links)


def routes_are_forgotten(step: Step) -> bool:
    away = (State.IDLE, State.TIMED_OUT, State.CLOSED)
    return not any(live_links(image) for _, image in step.after.sessions if image.state in away)


def route_belongs_to_generation(profile: Profile) -> StepPredicate:
    talk = (Data, Keepalive, KeepaliveAnswer)

    def holds(step: Step) -> bool:
        for key, before, after in changes(step):
            links = [link for image in (before, after) if image is not None for link in live_links(image)]
            for send in emitted(step, key, commands.Send):
                route = send.message.onward_route
                hidden = profile.carries_routes and not profile.names_sessions  # return routes are, in an open channel
                if not isinstance(signal_of(send.message, profile), talk) or not (hidden or send.message.return_route):
                    continue
                if not any(link.route == route[: len(link.route)] and _same_generation(link, route) for link in links):
                    return False
        return True

    def _same_generation(link: Link, route: tuple[Address, ...]) -> bool:
        if not profile.names_sessions or not link.route:
            return bool(link.route)
        named = re.search(rb"/(\d+)([ir])w$", route[len(link.route) - 1].value)
        starter = "i" if link.generation.starter is Role.INITIATOR else "r"
        return named is None or named[1] + named[2] == f"{link.generation.number}{starter}".encode()

    return holds


def responder_starts(step: Step) -> bool:
    return step.actor == RESPONDER and started_attempt(step.before, step.after)


def ends_agree(initiator: End, responder: End) -> bool:
    mine = initiator.session
    for _, theirs in responder.sessions:
        if mine is None or mine.state is not State.ESTABLISHED or theirs.state is not State.ESTABLISHED:
            continue
        here, there = mine.current, theirs.current
        if here is None or there is None:
            return False
        same = here.generation.address == there.generation.address
        if same and (here.route[-1] != there.inner or there.route[-1] != here.inner):
            return False
    return True


def collision_has_a_winner(profile: Profile) -> StepPredicate:
    """Two attempts of one number: the responder that hears of the initiator's gives its own up, the initiator does not,
    and answers none."""

    def holds(step: Step) -> bool:
        packet = arrival(step)
        hello = signal_of(packet.message, profile) if packet is not None else None
        if not isinstance(hello, Hello):
            return True
        return not any(_collide(before, hello) and not _is_settled(step, key, before, after)
                       for key, before, after in changes(step))  # fmt: skip

    return holds


def _collide(image: Snapshot | None, hello: Hello) -> bool:
    attempt = image.attempt if image is not None else None
    if attempt is None or attempt.generation.address != attempt.inner:
        return False
    own, other = attempt.generation, hello.generation
    return own.number == other.number and own.starter is not other.starter


def _is_settled(step: Step, key: Key, before: Snapshot | None, after: Snapshot | None) -> bool:
    assert before is not None
    goes_on = after is not None and after.attempt == before.attempt
    sent = [command.message for command in emitted(step, key, commands.Send)]
    answers = any(isinstance(signal_of(message, GENERATION), Answer) for message in sent)
    initiates = before.attempt is not None and before.attempt.generation.starter is Role.INITIATOR
    return goes_on is initiates and answers is not initiates


def one_outcome(step: Step) -> bool:
    kinds = (commands.Responded, commands.RequestFailed, commands.RequestTimedOut)
    for key, before, after in changes(step):
        open_before = {request.identifier for request in before.requests} if before is not None else set()
        open_after = {request.identifier for request in after.requests} if after is not None else set()
        outcomes = [n.notice.request for n in emitted(step, key, commands.Notify) if isinstance(n.notice, kinds)]
        if len(outcomes) != len(set(outcomes)) or not set(outcomes) <= open_before | accepted_requests(step):
            return False
        if after is not None and not _requests_wait_somewhere(after):
            return False
        withdrawn = step.event == Order(WITHDRAW)
        reported = set[Hashable]() if withdrawn else open_before - open_after
        at_once = set(outcomes) & accepted_requests(step)  # its generation had no keys left for it
        if set(outcomes) & open_after or (not restarted(step) and set(outcomes) != reported | at_once):
            return False
    return True


def _requests_wait_somewhere(image: Snapshot) -> bool:
    """A pending request waits in the current generation, one that is not sent is held, and a closed end has none."""
    held = [outgoing.request for outgoing, _ in image.waiting]
    for request in image.requests:
        pending = request.state is RequestState.PENDING
        waits = image.current is not None and request.reply is not None and reaches(image.current, request.reply)
        if image.state is State.CLOSED or (not waits if pending else request.identifier not in held):
            return False
    return True


def accepted_requests(step: Step) -> set[str]:
    """The identifiers that a request accepted in this step may have (numbered, or all alike)."""
    return {"q", f"q{step.before.accepted + 1}"} if step.event == Order(REQUEST) else set()


def one_negotiation(step: Step) -> bool:
    sent = [command.message.onward_route[:1] for _, command in owned(step) if isinstance(command, commands.Send)]
    return sum(1 for first in sent if first in ((HOST_ADDRESS,), (CONTACT,))) <= 1


def delivered_in_its_generation(step: Step) -> bool:
    packet = arrival(step)
    if packet is None or packet.sent_in is None:
        return True
    for key, before, after in changes(step):
        notices = [n for n in emitted(step, key, commands.Notify) if isinstance(n.notice, commands.Responded)]
        if not emitted(step, key, commands.Deliver) and not notices:
            continue
        links = [*live_links(before), *live_links(after)]
        address = packet.message.onward_route[0]
        if not any(is_sent_in(packet, link) and reaches(link, address) for link in links):
            return False
    return True


def nothing_is_lost(step: Step) -> bool:
    """Held and accepted messages go somewhere, and so does data that arrives."""
    if restarted(step):
        return True
    packet = arrival(step)
    for key, before, after in changes(step):
        kept = [outgoing for outgoing, _ in after.waiting] if after is not None else []
        gone = [letter.message for letter in emitted(step, key, commands.DeadLetter)]
        sent = transmitted(step, key)
        was = [outgoing for outgoing, _ in before.waiting] if before is not None else []
        if any(o not in kept and o not in gone and o.payload not in sent for o in was):
            return False
        if _new_message(step) and len(was) + 1 > len(kept) + len(gone) + len(sent):
            return False
    return packet is None or not _is_data(packet) or _received(step)


def _new_message(step: Step) -> bool:
    return isinstance(step.event, Order) and step.event.order in (SEND, REQUEST)


def _is_data(packet: Packet) -> bool:
    return packet.sent_in is not None


def _received(step: Step) -> bool:
    kinds = (commands.Deliver, commands.DeadLetter)
    return any(
        isinstance(command, kinds)
        or (isinstance(command, commands.Notify) and isinstance(command.notice, commands.Responded))
        for _, command in owned(step)
    )


def transmitted(step: Step, key: Key) -> list[bytes]:
    """Payloads of the application that left in this step, in order."""
    found = []
    for send in emitted(step, key, commands.Send):
        payload = plaintext_of(send.message.payload)
        if payload[:1] == DATA_TAG:
            data = GENERATION.decode(payload, Place.WORKER, send.message.return_route)
            assert isinstance(data, Data)
            payload = data.payload
        if payload.startswith((b"m", b"q", b"re:")):
            found.append(payload)
    return found


def within_capacity(config: PairConfig) -> StepPredicate:
    def holds(step: Step) -> bool:
        sessions = step.after.sessions
        return len(sessions) <= max(config.capacity, 1) and all(_fits(config, image) for _, image in sessions)

    return holds


def _fits(config: PairConfig, image: Snapshot) -> bool:
    limits = config.settings(Role.INITIATOR).limits
    values = {"attempts": image.attempts, "held": len(image.waiting), "misses": image.misses}
    bounded = all(limits[name] is None or value <= (limits[name] or 0) for name, value in values.items())
    return bounded and len(image.waiting) == image.held and len(image.requests) <= 2


def leaves_in_order(step: Step) -> bool:
    """Numbered payloads leave in the order in which they were accepted: reissued, held, new; each once."""
    for key, _, after in changes(step):
        own = [payload for payload in transmitted(step, key) if not payload.startswith(b"re:")]
        numbers = [int(payload[1:] or b"0") for payload in own]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            return False
        if after is not None and after.state is State.ESTABLISHED and after.waiting:
            return False
    return True


def rested_before_attempt(step: Step) -> bool:
    if not started_attempt(step.before, step.after) or restarted(step):
        return True
    expired = isinstance(step.event, Fire) and "BACK_OFF" in str(step.event.timer)
    return bool(step.before.rested) or expired

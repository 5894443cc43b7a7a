"""Trace validation: whether a trace is a behaviour of the specification, or else its first unexplained line.

Theory: both ends are functions of their inputs, and a trace shows their outputs. So the ends of a session are validated
separately, each as a set of possible states (`trace_ends.py`), and the network connects them: a message that arrives
was sent before.

Rule 1: a trace is accepted if the sets are never empty; a rejection names the first record after which one is, and
        lists the outcomes that were possible there.
Rule 2: the network may lose and delay any message. Duplicates, corrupted messages and restarts are accepted only if the
        header names these faults.
Rule 3: from the first message that announces it, an address belongs to one generation of one end, and to no other.
Rule 4: an error message answers a message of this end whose address no longer exists (clause 14.4): it was sent from
        the address that the error reaches, to an address that is no longer in use. A hello may always be answered by an
        error: its address does not exist or its host is full, and a trace shows neither.
Left out: time. The specification does not limit when a timer fires.
Source: spec/traces/README.md; spec/sessions.md sections 3 to 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.kernel.errors import Portable
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.specification.table_world import CLOSING, DATA, ERROR, HELLO, SUPERSEDED, Symbol
from ockam_fsm.specification.trace_ends import Possible, VisibleStep, actor_of, begun, outcomes
from ockam_fsm.specification.trace_reading import ORDERS, TIMERS, Header, TraceMessage, TraceRecord, read

RESTARTS = {"restart-with-state", "restart-without-state", "write-fails", "confirmation-lost"}
DUPLICATE, CORRUPT = "duplicate", "corrupt"
ALLOWING = (DUPLICATE, CORRUPT, *sorted(RESTARTS))
"""The faults with an effect on validation; a header may name others, without effect."""
_OVER = (State.IDLE, State.CLOSED)
_BOUNCES = ("keepalive", "keepalive-answer", "data", "request", "response")
"""The kinds of messages that are answered with an error if their address does not exist."""

CLOSE_AT_CONTACT = "close-at-contact"
_KINDS = {"request": DATA, "response": DATA}


@dataclass(frozen=True)
class Rejection:
    """The first record that no behaviour explains."""

    line: int
    node: str
    sequence: int
    why: str
    possible: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """The result of a validation: counts, and the rejection if there is one. `steps`: the records of sessions."""

    records: int
    steps: int
    sessions: int
    rejection: Rejection | None = None

    @property
    def accepted(self) -> bool:
        return self.rejection is None


class _Unexplained(Portable, Exception):
    def __init__(self, why: str, possible: Iterable[str] = ()) -> None:
        self.why = why
        self.possible = tuple(sorted(set(possible)))
        super().__init__(why)


class _Place(NamedTuple):
    """The owner of an inner address."""

    role: Role
    ordinal: int
    generation: tuple[int, Role]
    session: str


def validate(lines: Iterable[bytes]) -> Validation:
    """Validate a trace, line by line.

    Raises:
        TraceError: a line cannot be read.
    """
    header, records = read(lines)
    sequences: Counter[str] = Counter()
    pairs: dict[str, _Pair] = {}
    places: dict[str, _Place] = {}
    read_so_far = steps = 0
    for record in records:
        read_so_far += 1
        try:
            _in_sequence(sequences, record)
            if record.session:
                steps += 1
                if record.session not in pairs:
                    pairs[record.session] = _Pair(header, pairs, places)
                pairs[record.session].check(record)
        except _Unexplained as found:
            why = Rejection(record.line, record.node, record.sequence, found.why, found.possible)
            return Validation(read_so_far, steps, len(pairs), why)
    return Validation(read_so_far, steps, len(pairs))


def _in_sequence(sequences: Counter[str], record: TraceRecord) -> None:
    sequences[record.node] += 1
    expected = sequences[record.node]
    if record.sequence != expected:
        wanted = f"sequence {expected} of node {record.node!r}"
        raise _Unexplained(f"the sequence of node {record.node!r} has a gap or goes back", [wanted])


class _Pair:
    """The validation of one session: the possible states of its ends, the messages in flight, the owners of
    addresses."""

    def __init__(self, header: Header, others: Mapping[str, _Pair], places: dict[str, _Place]) -> None:
        """`others`: all sessions of the trace by name, because a message may reach an end of another session. `places`:
        all addresses that any session has announced."""
        self.faults = header.faults
        self.others = others
        self.actors = {role: actor_of(settings) for role, settings in header.settings.items()}
        self.off = {role: _switched_off(settings) for role, settings in header.settings.items()}
        self.ends: dict[Role, set[Possible]] = {}
        self.largest: dict[Role, int] = dict.fromkeys(Role, 0)
        self.ordinals: dict[Role, int] = dict.fromkeys(Role, 0)
        self.flying: Counter[tuple[Role, TraceMessage]] = Counter()
        self.places = places

    def check(self, record: TraceRecord) -> None:
        if record.event is None:
            self._start(record)
            return
        if record.role not in self.ends:
            raise _Unexplained(f"this {record.role.name.lower()} has not started", ["start"])
        led = self._led(record)
        for message in record.sent:
            self._note(record, message)
        sent = tuple(map(self._symbol, record.sent))
        shown = VisibleStep(record.state, sent, record.told, record.delivered, record.refused)
        agree = {possible for possible, seen in led if self._agrees(record, seen, shown)}
        if not agree:
            raise _Unexplained(f"{_named(record)} does not lead to this", (seen.label for _, seen in led))
        asked = sum(message.kind == "request" for message in record.sent)
        data = sum(symbol.kind == DATA for symbol in sent)
        self.ends[record.role] = {one._replace(pending=max(0, one.pending - data + asked)) for one in agree}
        self.largest[record.role] = max(one.end.seen[0] for one in agree)
        self.flying.update((Role(1 - record.role), message) for message in record.sent)

    def _agrees(self, record: TraceRecord, seen: VisibleStep, shown: VisibleStep) -> bool:
        """Compare a possible step with the record. Timers may be absent, and idle timers switched off (clause 3.7)."""
        armed = seen.armed if record.armed is None else record.armed
        return seen._replace(armed=seen.armed - self.off[record.role]) == shown._replace(
            armed=armed - self.off[record.role]
        )

    def _start(self, record: TraceRecord) -> None:
        role = record.role
        if not self.faults & RESTARTS and any(one.end.state not in _OVER for one in self.ends.get(role, ())):
            raise _Unexplained("an end starts before its predecessor has ended", self._possible(role))
        if record.remembered > self.largest[role]:
            raise _Unexplained("`remembered` is a number that this end never had", [f"at most {self.largest[role]}"])
        self.ordinals[role] += 1
        self.ends[role] = {begun(self.ordinals[role], record)}

    # What comes in ----------------------------------------------------------------------------------------------------

    def _led(self, record: TraceRecord) -> list[tuple[Possible, VisibleStep]]:
        """Return every possible outcome of the event of this record."""
        assert record.event is not None
        message = record.message
        symbol = self._arrived(record.role, message) if message is not None else None
        response = message is not None and message.kind == "response"
        actor = self.actors[record.role]
        led = [
            found
            for possible in self.ends[record.role]
            for found in outcomes(actor, possible, record.event, symbol, response=response)
        ]
        if not led:
            raise _Unexplained(f"{_named(record)} is not possible here", self._possible(record.role))
        return led

    def _arrived(self, role: Role, message: TraceMessage) -> Symbol | None:
        """Return the message as a symbol of the table world; None if this session cannot read it."""
        if message.kind == "unreadable":
            if CORRUPT not in self.faults:
                raise _Unexplained("a message is unreadable without the fault `corrupt`", self._possible(role))
            return None
        if message.kind == ERROR:
            return self._bounced(role, message)
        flying, wanted = self._flying(message.session), (role, message._replace(session=""))
        if not flying[wanted]:
            why = f"{_label(message)} is not in flight: never sent, or already received"
            raise _Unexplained(why, self._possible(role))
        if DUPLICATE not in self.faults:
            flying[wanted] -= 1
        return None if message.session else self._symbol(message)

    def _flying(self, session: str) -> Counter[tuple[Role, TraceMessage]]:
        """Return the messages in flight in this session, or in the named one."""
        if not session:
            return self.flying
        return self.others[session].flying if session in self.others else Counter()

    def _bounced(self, role: Role, message: TraceMessage) -> Symbol:
        """Return the symbol of an error message (rule 4)."""
        sent = (one for (to, one), many in self.flying.items() if many and to is not role)
        mine = (one for one in sent if one.sender == message.receiver)
        gone = (one for one in mine if one.kind == HELLO or (one.kind in _BOUNCES and self._is_gone(one.receiver)))
        if next(gone, None) is None:
            raise _Unexplained("no message sent from there can be answered by an error", self._possible(role))
        place = self._place(message.receiver)
        return Symbol(ERROR, *place.generation, receiver=place.ordinal)

    def _is_gone(self, address: str) -> bool:
        place = self._place(address)
        return not any(
            (link.number, link.starter) == place.generation and possible.end.ordinal == place.ordinal
            for possible in self.ends.get(place.role, ())
            for link in (possible.end.attempt, possible.end.current)
            if link is not None
        )

    # What goes out ----------------------------------------------------------------------------------------------------

    def _note(self, record: TraceRecord, message: TraceMessage) -> None:
        """Record the address that a hello or an answer announces (rule 3)."""
        if message.starter is None:
            return
        generation = (message.number, message.starter)
        place = _Place(record.role, self.ordinals[record.role], generation, record.session)
        if self.places.setdefault(message.sender, place) != place:
            raise _Unexplained(
                f"{message.sender} is the address of another generation", ["an address never used before"]
            )

    def _place(self, address: str) -> _Place:
        if address not in self.places:
            raise _Unexplained(f"no message has announced the address {address}")
        return self.places[address]

    def _symbol(self, message: TraceMessage) -> Symbol:
        """Return a message with its addresses replaced by ends and generations."""
        sender = self._place(message.sender) if message.sender else None
        receiver = self._place(message.receiver) if message.receiver else None
        if sender is None:
            assert receiver is not None
            return Symbol(SUPERSEDED, *receiver.generation, receiver=receiver.ordinal, seen=message.number)
        if message.kind == CLOSE_AT_CONTACT:
            return Symbol(CLOSING, *sender.generation, sender=sender.ordinal, seen=message.number)
        if receiver is None:
            return Symbol(HELLO, *sender.generation, sender=sender.ordinal)
        if sender.generation != receiver.generation or sender.role is receiver.role:
            raise _Unexplained(f"{_label(message)} goes from one generation to another")
        kind = _KINDS.get(message.kind, message.kind)
        return Symbol(kind, *sender.generation, sender.ordinal, receiver.ordinal, resumed=message.resumed)

    # The possible events, for rejections ------------------------------------------------------------------------------

    def _possible(self, role: Role) -> Iterator[str]:
        for possible in self.ends.get(role, ()):
            for event in (*ORDERS, *TIMERS):
                yield from (event.name for _, seen in outcomes(self.actors[role], possible, event) if not seen.refused)
        yield from (_label(message) for (to, message), many in self.flying.items() if many and to is role)


def _switched_off(settings: SessionConfig) -> frozenset[Event]:
    return frozenset() if settings.durations.idle_seconds is not None else frozenset({Event.IDLE_EXPIRED})


def _named(record: TraceRecord) -> str:
    assert record.event is not None
    return record.event.name if record.message is None else _label(record.message)


def _label(message: TraceMessage) -> str:
    words = [message.kind]
    if message.starter is not None:
        words.append(f"{message.number}{message.starter.name[0].lower()}")
    words += [f"from {message.sender}"] if message.sender else []
    words += [f"to {message.receiver}"] if message.receiver else []
    return " ".join(words)

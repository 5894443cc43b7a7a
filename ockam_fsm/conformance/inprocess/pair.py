"""Judges two communicating targets, each with its reference, over a faulty network.

Theory: a run is a byte string. Each byte is an order, a timer, a fault, or a step of the network; so a pair is searched
and shrunk like a single end (random_runs.py). At the end the network heals and time passes, so that recovery shows.

Rule 1: each end receives the bytes of the other target. Its reference receives the same, with the reply addresses of
        the reference.
Rule 2: the responder's application answers every request, as the explorer's does.
Left out: partitions, which are many drops; storage faults: a restarted end has its number and its state, or neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ockam_fsm.conformance.generation.peer import Arrive, Do, Peer, Stimulus
from ockam_fsm.conformance.generation.random_runs import shortest
from ockam_fsm.conformance.generation.stimuli import ELAPSE, NOT_YET, orders_of
from ockam_fsm.conformance.inprocess.lockstep import Lockstep
from ockam_fsm.conformance.inprocess.runner import Judge
from ockam_fsm.conformance.target import HOP, Order, Ordered
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import Deliver, Send
from ockam_fsm.runtime.session.signals import Error

GARBLED = b"\xff"
MOST_HEALED = 60
"""Steps after the network has healed."""

DELIVER, DROP, DUPLICATE, REORDER, CORRUPT = "deliver", "drop", "duplicate", "reorder", "corrupt"
RESTARTS = ("restart with its state", "restart without its state")


@dataclass
class JudgedEnd:
    """One of the two ends. `inbox`: the messages in flight to it."""

    judge: Judge
    lockstep: Lockstep
    inbox: list[Message] = field(default_factory=list)
    failed: bool = False

    @property
    def restartable(self) -> bool:
        session = self.lockstep.reference.session
        return session is not None and session.state not in (State.IDLE, State.CLOSED)


class PairOfJudges:
    """The judges of the two ends, and their common runs."""

    def __init__(self, initiator: Judge, responder: Judge) -> None:
        self.judges = (initiator, responder)

    @property
    def called(self) -> tuple[int, int] | None:
        """The index of the judge whose target is being called, and the number of the call; None if none is."""
        return next(((n, judge.calls.open) for n, judge in enumerate(self.judges) if judge.calls.open), None)

    def stall(self) -> None:
        if self.called is not None:
            self.judges[self.called[0]].stall()

    def check(self) -> None:
        """Run once without faults, then as often as the effort allows."""
        effort = self.judges[0].effort
        if any(judge.features is None for judge in self.judges):
            return
        self._run(b"")
        for _ in range(3 if effort.examples else 0):
            found = None if self._stopped else shortest(self._is_new, effort.examples, 80)
            if found is None:
                return
            self._run(found)

    @property
    def _stopped(self) -> bool:
        return any(judge.stopped for judge in self.judges)

    def _is_new(self, burst: bytes) -> bool:
        """Whether a run fails by a new defect. Records no finding."""
        return any(
            bool(end.lockstep.steps) and end.lockstep.steps[-1].parted and end.judge.is_new(end.lockstep.steps[-1])
            for end in self._ends(burst)
        )

    def _run(self, burst: bytes) -> None:
        for end in self._ends(burst):
            end.judge.settle(end.lockstep.steps)

    def _ends(self, burst: bytes) -> Sequence[JudgedEnd]:
        started = [(judge, judge.start(judge.endpoint)) for judge in self.judges if not self._stopped]
        ends = [JudgedEnd(judge, lockstep) for judge, lockstep in started if lockstep is not None]
        if len(ends) == 2:
            PairRun(ends[0], ends[1]).go(burst)
        for end in ends:
            end.judge.count(end.lockstep.steps)
        return ends


class PairRun:
    """One run of the two ends."""

    def __init__(self, initiator: JudgedEnd, responder: JudgedEnd) -> None:
        self.ends = (initiator, responder)

    def go(self, burst: bytes) -> None:
        self._begin()
        for byte in burst:
            if not self._move(byte):
                return
        self._heal()

    def _begin(self) -> None:
        explicit = self.ends[0].judge.endpoint.session_type.creation is Creation.EXPLICIT
        order = Order(Ordered.OPEN) if explicit else Order(Ordered.SEND, b"m0")
        self._step(self.ends[0], Stimulus(order.what.value, None, "2.2", lambda peer: Do(order)))

    def _moves(self, end: JudgedEnd) -> Iterator[str | Stimulus]:
        """The possible steps of one end, in a fixed order."""
        yield from (DELIVER,) * 6
        yield from (DROP, DUPLICATE, REORDER, CORRUPT)
        yield from (ELAPSE, ELAPSE, NOT_YET)
        yield from orders_of(frozenset(end.judge.endpoint.settings.events))
        yield Stimulus("error message", None, "3.11", _error)
        yield from RESTARTS

    def _move(self, byte: int) -> bool:
        end = self.ends[byte % 2]
        moves = list(self._moves(end))
        move = moves[byte // 2 % len(moves)]
        if isinstance(move, Stimulus):
            return self._step(end, move)
        if move in RESTARTS:
            return self._restart(end, keeping=move == RESTARTS[0])
        return self._travel(end, move)

    def _travel(self, end: JudgedEnd, fate: str) -> bool:
        if not end.inbox:
            return True
        message = end.inbox[-1 if fate == REORDER else 0]
        if fate != DUPLICATE:
            end.inbox.remove(message)
        if fate == DROP:
            return True
        if fate == CORRUPT:
            message = replace(message, payload=GARBLED)
        mine = end.lockstep.in_our_words(message)
        return self._step(end, Stimulus(f"{fate} a message", None, "7.1", lambda peer: Arrive(mine)))

    def _restart(self, end: JudgedEnd, *, keeping: bool) -> bool:
        """Replace the end by a new one, with its durable state or without it."""
        session, declared = end.lockstep.reference.session, end.judge.endpoint
        if session is None or not end.restartable or not declared.session_type.persistent:
            return True
        number, has_state = (session.seen[0], session.has_state) if keeping else (0, False)
        lockstep = end.judge.start(replace(declared, remembered=number, has_state=has_state))
        if lockstep is None:
            return False
        end.judge.settle(end.lockstep.steps)
        end.lockstep = lockstep
        if declared.role is Role.INITIATOR and declared.session_type.creation is Creation.EXPLICIT:
            return self._step(end, Stimulus("open", None, "2.2", lambda peer: Do(Order(Ordered.OPEN))))
        return True

    def _step(self, end: JudgedEnd, stimulus: Stimulus) -> bool:
        """Carry out a stimulus, put the messages that follow into the network, and answer requests."""
        if not end.lockstep.step(stimulus):
            return False
        other = self.ends[1] if end is self.ends[0] else self.ends[0]
        for output in end.lockstep.outputs:
            if isinstance(output, Send):
                other.inbox.append(_travelled(output.message))
        asked = [one for one in end.lockstep.outputs if isinstance(one, Deliver) and len(one.return_route) > 1]
        return all(self._answer(end, one) for one in asked)

    def _answer(self, end: JudgedEnd, delivered: Deliver) -> bool:
        order = Order(Ordered.SEND, b"re:" + delivered.payload, delivered.return_route[1:])
        return self._step(end, Stimulus("answer a request", None, "7.3", lambda peer: Do(order)))

    def _heal(self) -> None:
        """Deliver all messages in flight and let time pass at both ends."""
        for _ in range(MOST_HEALED):
            busy = [end for end in self.ends if end.inbox]
            for end in busy or self.ends:
                if not (self._travel(end, DELIVER) if busy else self._step(end, ELAPSE)):
                    return


def _error(peer: Peer) -> Arrive | None:
    """An error message: a message of this end could not be delivered."""
    link = peer.current() or next(peer.links(), None)
    return peer.say(link.inner, Error("lost"), (HOP, local("peer/0"))) if link is not None else None


def _travelled(message: Message) -> Message:
    """A message as it arrives: with the hop removed from its onward route and added to its return route."""
    onward = message.onward_route[1:] if message.onward_route[:1] == (HOP,) else message.onward_route
    back = (HOP, *message.return_route) if message.return_route else ()
    return Message(onward, back, message.payload, message.tracing_context)

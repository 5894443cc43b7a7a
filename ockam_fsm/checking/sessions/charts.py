"""Sequence charts of replays: convert the states and envelopes of the explorer to the moments of a chart.

Rule 1: a chart is made from a run alone. Messages in flight are followed from the steps that sent them.
Rule 2: a message without effect at its receiver is drawn as refused; a note gives the reason of a dead letter.
Limit: a normalised world renumbers its generations after a step, so no message is followed there: each is drawn where
it arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ockam_fsm.checking.actors import CORRUPT, Deliver, Envelope, Fault, Fire, Order
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.result import Moment as Point
from ockam_fsm.checking.sessions.session_actors import End
from ockam_fsm.checking.world import World
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind
from ockam_fsm.runtime.session import commands

KEEPS = " and keep a copy"


def chart_of(name: str, title: str, sentence: str, world: World, points: Sequence[Point]) -> Chart:
    """The chart of a replay: its points as `checking.replay` yields them."""
    drawing = _Drawing(world, points[0])
    for point, following in pairwise(points):
        drawing.step(point, following)
    drawing.left_over()
    heard = (moment.who for moment in drawing.moments if moment.who)
    everybody = tuple(dict.fromkeys((*world.actor_names, *heard)))  # senders of ordered deliveries are no actors
    return Chart(name, title, sentence, everybody, tuple(drawing.moments))


def control(state: Any) -> str:
    """The label of an actor's state; empty for a host without sessions."""
    if isinstance(state, End):
        return " + ".join(image.state.name for _, image in state.sessions)
    return spoken(state)


class _Drawing:
    def __init__(self, world: World, start: Point) -> None:
        self.moments: list[Moment] = []
        self.followed = world.normaliser is None
        self.flying: list[tuple[Envelope, int]] = []
        """Messages in flight, each with the number of the moment in which it was sent."""
        for name, state in start.state.locals.items():
            if control(state):
                self._add(MomentKind.STATE, name, control(state))
        self.flying = [(envelope, 0) for envelope in start.state.network]

    def _add(self, kind: MomentKind, who: str, label: str, **more: Any) -> int:
        self.moments.append(Moment(kind, who, label, **more))
        return len(self.moments) - 1

    def step(self, point: Point, following: Point) -> None:
        assert point.chosen is not None
        at = self._cause(point, point.chosen.label)
        if point.step is not None:
            self.flying += [(envelope, at) for envelope in point.step.sent]
            self._remarks(point.step.actor, point.step.records)
            name = point.step.actor
            before, after = control(point.state.locals[name]), control(following.state.locals[name])
            if before != after:
                gone = State.IDLE if isinstance(point.step.event, Fault) else State.CLOSED
                self._add(MomentKind.STATE, name, after or gone.name)
        self._overflow(following)

    def _cause(self, point: Point, label: str) -> int:
        if point.step is None:
            return self._network(point, label)
        who, event = point.step.actor, point.step.event
        match event:
            case Fire(timer):
                return self._add(MomentKind.TIMER, who, spoken(timer))
            case Order(order):
                return self._add(MomentKind.ORDER, who, spoken(order))
            case Fault(fault):
                return self._add(MomentKind.NOTE, who, spoken(fault).replace("-", " "))
        assert isinstance(event, Deliver)
        envelope = self._found(point, label) if event.payload == CORRUPT else _envelope(event, who)
        keeps = label.endswith(KEEPS)
        left = self._left(envelope, keep=keeps)
        said = spoken(envelope.payload) + (", corrupted" if event.payload == CORRUPT else "")
        refused = _refused(point.step)
        kind = MomentKind.DUPLICATE if keeps else MomentKind.MESSAGE
        return self._add(kind, envelope.sender, said, whom=who, left_at=left, refused=refused)

    def _network(self, point: Point, label: str) -> int:
        if not label.startswith("drop "):
            return self._add(MomentKind.NOTE, "", label)
        envelope = self._found(point, label)
        left = self._left(envelope, keep=False)
        return self._add(
            MomentKind.LOST, envelope.sender, spoken(envelope.payload), whom=envelope.receiver, left_at=left
        )

    def _found(self, point: Point, label: str) -> Envelope:
        """The message in flight that an action's label names."""
        return next(e for e in point.state.network if f"{spoken(e.payload)} from {e.sender} to {e.receiver}" in label)

    def _left(self, envelope: Envelope, *, keep: bool) -> int | None:
        """Return the moment in which a message was sent, and stop following it unless a copy is kept."""
        for place, (known, at) in enumerate(self.flying):
            if known == envelope and self.followed:
                if not keep:
                    del self.flying[place]
                return at
        return None

    def _overflow(self, following: Point) -> None:
        """Draw the messages that did not fit into the network as lost."""
        if not self.followed:
            return
        there = list(following.state.network)
        for envelope, at in list(self.flying):
            if envelope in there:
                there.remove(envelope)
            else:
                self.flying.remove((envelope, at))
                self._add(MomentKind.LOST, envelope.sender, spoken(envelope.payload), whom=envelope.receiver)

    def _remarks(self, who: str, records: Sequence[Any]) -> None:
        for text in remarks(records):
            self._add(MomentKind.NOTE, who, text)

    def left_over(self) -> None:
        for envelope, _ in self.flying if self.followed else ():
            self._add(MomentKind.NOTE, "", f"still in flight: {spoken(envelope.payload)} to {envelope.receiver}")


def _envelope(event: Deliver, receiver: str) -> Envelope:
    return Envelope(event.sender, receiver, event.payload)


def _refused(step: Step) -> bool:
    """Whether a message had no effect: it became a dead letter, or the step did nothing."""
    dead = any(isinstance(part, commands.DeadLetter) for record in step.records for part in _parts(record))
    return dead or (step.before == step.after and not step.sent and not step.records)


def _parts(record: Any) -> tuple[Any, ...]:
    return record if isinstance(record, tuple) else (record,)


def remarks(records: Sequence[Any]) -> Iterator[str]:
    """Yield the actions of an end that no message shows, from the commands that its session recorded."""
    for record in records:
        command = record[1] if isinstance(record, tuple) and len(record) == 2 else None
        match command:
            case commands.DeadLetter(reason=reason):
                yield f"dead letter: {reason}"
            case commands.Deliver(payload=payload):
                yield f"delivered: {payload.decode('utf-8', 'backslashreplace')}"
            case commands.Notify(notice=commands.Closed(reason=reason)) if reason:
                yield f"closed: {reason}"

"""The inputs of each session of a node in a step, converted to the steps that the properties of sessions read.

Theory: one step of a node may give several inputs to its sessions: a session below is established and sends the
messages that it held; a message that it delivers spawns a responder above. Each session records its inputs
(`SessionInput`). Each input is a step of a world of one session (`as_step`), so the predicates of `checking/sessions`
apply unchanged.

Rule 1: an input has the state before, the event, the commands and the state after, and nothing else.
Left out: the generation in which data was sent (S9). A message within a message has no ghost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any, NamedTuple

from ockam_fsm.checking import actors
from ockam_fsm.checking.properties import Kind, Property, Step
from ockam_fsm.checking.sessions.pair_config import SESSION_ID
from ockam_fsm.checking.sessions.session_actors import (
    INITIATOR,
    LOWER_LAYER_LOST,
    End,
    KeyedTimer,
    Packet,
    started_attempt,
)
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.causes import Cause
from ockam_fsm.runtime.session.commands import AnyTimer, Command, Deliver, RequestTimer, Timer
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, SEND, STOP

_EVENTS: dict[Event, actors.Event] = {
    Event.OPEN: actors.Order(OPEN),
    Event.SEND: actors.Order(SEND),
    Event.RENEGOTIATE: actors.Order(RENEGOTIATE),
    Event.CLOSE: actors.Order(CLOSE),
    Event.STOP: actors.Order(STOP),
    Event.LOWER_LAYER_LOST: actors.Fault(LOWER_LAYER_LOST),
}


class SessionInput(NamedTuple):
    """One input of one session. `key`: its key in the ends of a world of one session (None: an initiator)."""

    layer: str
    key: bytes | None
    outer: Address
    before: Snapshot
    event: actors.Event
    commands: tuple[Command, ...]
    after: Snapshot
    rested: bool
    """Whether a back-off expired since its last attempt."""

    @property
    def reports_a_loss(self) -> bool:
        return self.event == actors.Fault(LOWER_LAYER_LOST)

    def as_step(self, actor: str) -> Step:
        """Return this input as a step of an end that has this session only."""
        before, after = self._end(self.before), self._end(self.after)
        fired = self.event.timer if isinstance(self.event, actors.Fire) else None
        timers = _timers(self.before) | ({fired} if fired is not None else set())
        left = _timers_after(timers - {fired}, self.commands)
        event = actors.Fire(self._named(fired)) if fired is not None else self.event
        records = tuple((self.key, _at(actor, self.outer, command)) for command in self.commands)
        named = (frozenset(map(self._named, timers)), frozenset(map(self._named, left)))
        return Step(actor, before, event, after, *named, (), records)

    def _end(self, image: Snapshot) -> End:
        """Return the end with this session. An idle responder does not exist yet; a closed one exists no longer."""
        gone = self.key is not None and image.state in (State.IDLE, State.CLOSED)
        return End((), rested=self.rested) if gone else End(((self.key, image),), rested=self.rested)

    def _named(self, timer: Hashable) -> Hashable:
        return timer if self.key in (None, SESSION_ID) else KeyedTimer(self.key, timer)


def _timers(image: Snapshot) -> set[Hashable]:
    pending = (RequestTimer(one.identifier) for one in image.requests if one.state is RequestState.PENDING)
    return {*image.armed, *pending}


def _timers_after(timers: set[Hashable], commands: tuple[Command, ...]) -> set[Hashable]:
    for command in commands:
        if isinstance(command, SetTimer):
            timers.add(command.timer)
        elif isinstance(command, CancelTimer):
            timers.discard(command.timer)
    return timers


def _at(actor: str, outer: Address, command: Command) -> Command:
    """Replace the outer address by the actor's name, as in a world of one session (S3)."""
    if isinstance(command, Deliver) and command.return_route[:1] == (outer,):
        return Deliver(command.payload, command.onward_route, (local(actor), *command.return_route[1:]))
    return command


def inputs_of(step: Step, layer: str) -> Iterator[SessionInput]:
    """Return the inputs of the sessions of a layer in a step, in order."""
    return (one for one in step.records if isinstance(one, SessionInput) and one.layer == layer)


def each_input(layer: str, one: Property) -> Property:
    """Return a step property of sessions, applied to each input of the sessions of a layer."""
    settles = one.is_hit(True)

    def predicate(step: Step) -> object:
        answers = (bool(one.predicate(given.as_step(step.actor))) for given in inputs_of(step, layer))
        return any(answers) if settles else all(answers)

    assert one.kind in (Kind.ALWAYS_STEP, Kind.NEVER_STEP, Kind.SOMETIMES_STEP)
    return Property(one.id, one.sentence, one.kind, predicate)


# Sessions that record -------------------------------------------------------------------------------------------------


class InputRecorder:
    """The recorder of the inputs of a node's sessions in one event. It also tracks which sessions must back off."""

    def __init__(self, record: Callable[[SessionInput], None]) -> None:
        self.record = record
        self.backing_off: set[Address] = set()
        """The outer addresses of sessions whose back-off must expire before their next attempt."""

    def record_input(self, session: Any, before: Snapshot, event: actors.Event, commands: list[Command]) -> None:
        outer, after = session.terms.outer, session.snapshot()
        key = None if session.layer_role == INITIATOR else session.terms.session_id
        given = SessionInput(
            session.layer, key, outer, before, event, tuple(commands), after, outer not in self.backing_off
        )  # fmt: skip
        self.record(given)
        if event == actors.Fire(Timer.BACK_OFF):
            self.backing_off.discard(outer)
        if started_attempt(End(((key, before),)), End(((key, after),))):
            self.backing_off.add(outer)


@cache
def recorded(base: type[Session]) -> type[Any]:
    """Return a subclass of `base` that passes each of its inputs to a recorder."""

    class Recorded(base):  # type: ignore[misc, valid-type]
        __slots__ = ("layer", "layer_role", "recorder")

        def _ordered(self, event: Event, cause: Cause = None) -> list[Command]:
            before = self.snapshot()
            commands: list[Command] = super()._ordered(event, cause)
            self.recorder.record_input(self, before, _EVENTS[event], commands)
            return commands

        def fire(self, timer: AnyTimer) -> list[Command]:
            before = self.snapshot()
            commands: list[Command] = super().fire(timer)
            self.recorder.record_input(self, before, actors.Fire(timer), commands)
            return commands

        def receive(self, message: Message) -> list[Command]:
            before = self.snapshot()
            commands: list[Command] = super().receive(message)
            self.recorder.record_input(self, before, actors.Deliver(Packet(message), ""), commands)
            return commands

    return Recorded

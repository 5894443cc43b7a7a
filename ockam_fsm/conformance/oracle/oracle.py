"""The oracle: a reference end that gets the same inputs as a target and predicts its outputs.

Theory: the two are in the same state as long as all their outputs are equal, so the first difference is a defect of the
target, in the step in which it shows or shortly before it (attribution.py).

Rule 1: the target acts first; the reference takes its fresh addresses from the target's messages (instrumentation.py).
Left out: the connection to the target. `begin` returns the input for it, `finish` takes its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ockam_fsm.conformance.generation.peer import Arrive, AtOnce, Peer, PeerAction, Stimulus, perform, singles
from ockam_fsm.conformance.oracle.comparison import (
    LOST,
    NOT_REFUSED,
    RAISED,
    REFUSED,
    REPEATED,
    ComparedOutput,
    Difference,
    compare_outputs,
)
from ockam_fsm.conformance.reference.instrumentation import Fired, TargetEntropy, Watcher, read, with_recording_driver
from ockam_fsm.conformance.reference.reference_end import ReferenceEnd
from ockam_fsm.conformance.target import CONTACT, HOST, EndpointUnderTest, Feature, Output
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.commands import (
    Closed,
    DeadLetter,
    Deliver,
    Established,
    Notice,
    Notify,
    RequestFailed,
    Send,
    TimedOut,
    Timer,
)
from ockam_fsm.runtime.session.link import inner_of_reply
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import Answer, Close, Data, Error, GoingAway, Hello, Keepalive, Superseded

Canonicalise: TypeAlias = Callable[[Route, bytes], Route]
"""Returns a route in comparable form. The second argument: the payload of the request that it is the reply route of."""


@dataclass(frozen=True)
class Turn:
    """A step that begins: the stimulus, its action, and the situation of the reference end."""

    stimulus: Stimulus
    action: PeerAction
    before: State
    unconfirmed: bool
    """An answer of the target is not confirmed yet."""
    armed: tuple[Timer, ...]
    """The running timers."""
    collides: bool
    """The target has started an attempt that is not completed."""
    routeless: bool
    """The target has no messaging route."""


@dataclass(frozen=True)
class Stepped(Turn):
    """One completed step: the outputs of both ends, and the decisions of the table in the reference end."""

    after: State
    expected: tuple[ComparedOutput, ...]
    actual: tuple[ComparedOutput, ...]
    fired: tuple[Fired, ...]
    differences: tuple[Difference, ...]
    """The differences of the target. `REPEATED` alone does not part the ends: both have the same address."""

    @property
    def parted(self) -> bool:
        return any(difference.problem != REPEATED for difference in self.differences)


class Oracle:
    """One run of the reference end. `used`: the addresses that the target has used in other runs."""

    def __init__(
        self,
        endpoint: EndpointUnderTest,
        features: frozenset[Feature],
        used: dict[Address, None],
        end: type[ReferenceEnd] = ReferenceEnd,
    ) -> None:
        self.endpoint, self.features = endpoint, features
        settings = with_recording_driver(endpoint.settings)
        self.watcher: Watcher = settings.driver
        self.entropy = TargetEntropy(endpoint.profile, used)
        self.reference = end(endpoint, self.entropy, settings=settings)
        self.peer = Peer(self.reference)
        self.steps: list[Stepped] = []
        self.outputs: Sequence[Output] = ()
        """The outputs of the target in the last step."""
        self.bound: dict[Address, Address] = {}
        """The reply and outer addresses that the target has chosen, by those of the reference."""
        self.replies: dict[bytes, Address] = {}
        """The reply address that the target has chosen last for a request, by the request's payload."""

    @property
    def armed(self) -> tuple[Timer, ...]:
        """The running timers of the session."""
        return tuple(timer for _, timer in self.reference.timers if isinstance(timer, Timer))

    def begin(self, stimulus: Stimulus) -> Turn | None:
        """Begin a step. None if the stimulus is not possible now."""
        action = stimulus.build(self.peer)
        if action is None:
            return None
        return Turn(
            stimulus,
            action,
            self._state(),
            unconfirmed=self.peer.answered() is not None,
            armed=self.armed,
            collides=self.peer.own_attempt() is not None,
            routeless=not any(link.route for link in self.peer.links()),
        )

    def finish(self, turn: Turn, problem: Difference | None, outputs: Sequence[Output]) -> bool:
        """Complete a step with the outputs of the target. `problem`: a difference other than an output. Return False if
        the two ends have parted."""
        self.outputs = self.entropy.outputs = outputs
        self.entropy.repeated = []
        self.watcher.fired.clear()
        refused, owed = self._expect(turn.action)
        self._bind_outers(owed, outputs)
        actual = tuple(self._read(outputs, self._target_route))
        expected = tuple(self._read(owed, self._reference_route))
        differences = [*_refusals(refused, problem)]
        differences += [Difference(REPEATED, "address", str(address)) for address in self.entropy.repeated]
        if problem is None or problem.problem not in (LOST, RAISED):
            differences += self._compared(turn.action, expected, actual)
        self.peer.observe()
        stepped = Stepped(
            **vars(turn), after=self._state(), expected=expected, actual=actual, fired=tuple(self.watcher.fired),
            differences=tuple(differences),
        )  # fmt: skip
        self.steps.append(stepped)
        return not stepped.parted

    def _state(self) -> State:
        session = self.reference.session
        return session.state if session is not None else State.IDLE

    def _expect(self, action: PeerAction) -> tuple[bool, Sequence[Output]]:
        """Perform the action in the reference. Return whether it refuses an order, and its outputs."""
        refused = False
        for single in singles(action):
            if not (isinstance(single, Arrive) and single.unheard):
                refused = perform(self.reference, single)
        self.reference.advance(0.0)
        return refused, self.reference.take_outputs()

    def _compared(
        self, action: PeerAction, expected: Sequence[ComparedOutput], actual: Sequence[ComparedOutput]
    ) -> Iterator[Difference]:
        if isinstance(action, AtOnce):  # a transient end that has already closed by itself sends no close
            expected = [one for one in expected if one.kind != "close" or one in actual]
        return compare_outputs(expected, actual, self._allowed(action))

    def _allowed(self, action: PeerAction) -> Hashable:
        """The route to which an error may be sent: for a message at an address that has ended or does not exist."""
        action = singles(action)[0]
        closed = self.reference.session is not None and self.reference.session.state is State.CLOSED
        absent = CONTACT if self.endpoint.contact is None or closed else None
        if isinstance(action, Arrive) and action.message.onward_route[0] in (absent, *self.peer.ended):
            return action.message.return_route
        return None

    # Comparable form --------------------------------------------------------------------------------------------------

    def _read(self, outputs: Sequence[Output], names: Canonicalise) -> Iterator[ComparedOutput]:
        for output in outputs:
            match output:
                case Send(message):
                    yield self._sent(message, names)
                case Deliver(payload, onward_route, return_route):
                    yield ComparedOutput("delivered", "delivery", (payload, onward_route, names(return_route, b"")))
                case Notify(notice):
                    yield _notice(notice)
                case DeadLetter(message=Outgoing(payload)) if Feature.DEAD_LETTERS in self.features:
                    yield ComparedOutput("dead", "dead letter", (payload,))

    def _sent(self, message: Message, names: Canonicalise) -> ComparedOutput:
        signal = read(message, self.endpoint.profile)
        onward, back = message.onward_route, message.return_route
        match signal:
            case None:
                return ComparedOutput("signal", "unreadable bytes", (onward, message.payload))
            case Hello(session_id, generation, route):
                return ComparedOutput("signal", "hello", (session_id.hex(), generation, route, onward, back))
            case Answer(session_id, generation, worker, resumed):
                return ComparedOutput("signal", "answer", (session_id.hex(), generation, worker, resumed, onward, back))
            case Superseded(session_id, number, address):
                return ComparedOutput(
                    "signal", "superseded", (session_id.hex(), number, address, onward, names(back, b""))
                )
            case Data(payload, beyond, behind):
                if self.endpoint.profile.names_sessions:
                    behind = names(behind, payload)
                else:
                    back = names(back, payload)
                return ComparedOutput("data", "data", (payload, beyond, behind, onward, back, message.tracing_context))
            case Close(session_id, number, address):
                return ComparedOutput("signal", "close", (session_id.hex(), number, address, onward, names(back, b"")))
            case GoingAway():
                return ComparedOutput("signal", "going away", (onward, back))
            case Error():
                return ComparedOutput("signal", "error", (onward,))
        return ComparedOutput(
            "signal", "keepalive" if isinstance(signal, Keepalive) else "keepalive answer", (onward, back)
        )

    def _reference_route(self, route: Route, request: bytes) -> Route:
        """A route of the reference with the reply address or outer address that the target has chosen."""
        if not route:
            return route
        chosen = self.replies.get(request)
        if request[:1] == b"q" and chosen is not None and inner_of_reply(chosen) == inner_of_reply(route[0]):
            self.bound[route[0]] = chosen
        return (self.bound.get(route[0], route[0]), *route[1:])

    def _target_route(self, route: Route, request: bytes) -> Route:
        """A route of the target. Remembers its reply address, which is used for one request only."""
        if request[:1] == b"q" and route and route[0] not in self.replies.values():
            self.replies[request] = route[0]
        return route

    def _bind_outers(self, owed: Sequence[Output], outputs: Sequence[Output]) -> None:
        """Bind the outer address of a responder when it first appears; it must not change after that."""
        if self.endpoint.role is Role.INITIATOR:
            return
        for ours, theirs in zip(self._outers(owed), self._outers(outputs), strict=False):
            if theirs not in self.bound.values():
                self.bound.setdefault(ours, theirs)

    def _outers(self, outputs: Sequence[Output]) -> Iterator[Address]:
        """The outer addresses in outputs: in deliveries, in `superseded`, and in a close along the initialization
        route."""
        for output in outputs:
            match output:
                case Deliver(return_route=(outer, *_)):
                    yield outer
                case Send(message) if message.return_route:
                    signal = read(message, self.endpoint.profile)
                    routeless = isinstance(signal, Close) and message.onward_route[-1] in (HOST, CONTACT)
                    if routeless or isinstance(signal, Superseded):
                        yield message.return_route[0]


def _refusals(refused: bool, problem: Difference | None) -> Iterator[Difference]:
    """The difference of an order that was wrongly refused or accepted, or another problem. `refused`: it has to be."""
    if problem is not None and not (refused and problem.problem == REFUSED):
        yield problem
    elif refused and problem is None:
        yield Difference(NOT_REFUSED)


def _notice(notice: Notice) -> ComparedOutput:
    match notice:
        case Established(generation, resumed):
            return ComparedOutput("notice", "established", (generation.number, int(generation.starter), resumed))
        case TimedOut():
            return ComparedOutput("notice", "timed out")
        case Closed(reason):
            return ComparedOutput("notice", "closed", (EXHAUSTED,) if reason == EXHAUSTED else ())
        case RequestFailed(request):
            return ComparedOutput("notice", "request failed", (request,))
    name = "response" if hasattr(notice, "payload") else "request timed out"
    return ComparedOutput("notice", name, (notice.request, getattr(notice, "payload", b"")))

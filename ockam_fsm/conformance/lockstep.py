"""A target and our own end, handed the same, step by step; what they say is compared.

Theory: the two are in the same state as long as all that they have said is equal, so the first difference is the
target's mistake, and the step in which it shows, or one shortly before it, is where it was made (blame.py).

Rule 1: the target acts first; the reference takes its fresh addresses from what the target has said (reference.py).
Rule 2: within one step data, what is told and what is delivered have an order, each for itself. Everything else that is
        said has none.
Rule 3: an error that goes back for a message at an address that has ended is allowed, and not required (clause 14.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple, TypeAlias

from ockam_fsm.conformance.ours import OurEnd
from ockam_fsm.conformance.peer import Action, Arrive, AtOnce, Do, Peer, Single, Stimulus, Wait, perform, singles
from ockam_fsm.conformance.reference import Fired, Heard, Watcher, read, watched
from ockam_fsm.conformance.target import Declaration, Feature, Make, Output, Target, TargetLost
from ockam_fsm.edges.watchdog import Calls
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.commands import (
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
from ockam_fsm.runtime.effects import EXHAUSTED
from ockam_fsm.runtime.handshake import Profile
from ockam_fsm.runtime.link import inner_of_reply
from ockam_fsm.runtime.message import Address, Message, Route
from ockam_fsm.runtime.request import Outgoing
from ockam_fsm.runtime.signals import Answer, Close, Data, Error, Hello, Keepalive, Superseded

Names: TypeAlias = Callable[[Route, bytes], Route]
"""A route in comparable words; the request that it is the way back for, if it is one."""


class Said(NamedTuple):
    """One output in the words that are compared. `channel`: within which the order counts, if any."""

    channel: str
    kind: str
    what: tuple[Hashable, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(_shown(part) for part in self.what)
        return f"{self.kind}({shown})" if shown else self.kind


def _shown(part: object) -> str:
    if isinstance(part, tuple) and part and isinstance(part[0], Address):
        return " ".join(map(str, part))
    if isinstance(part, bytes):
        return part.decode("utf-8", "backslashreplace")
    return str(part)


MOST_OUTPUTS = 10_000
"""Whoever says more in one step floods."""

ORDERED = ("data", "told", "delivered")


@dataclass(frozen=True)
class Difference:
    """What a target did wrong in one step. `kind` names the output that is missing, or that nothing called for."""

    problem: str
    kind: str = ""
    detail: str = ""
    parts: tuple[str, ...] = ()
    """Which parts of it are not as expected."""

    def __str__(self) -> str:
        return f"{self.problem}: {self.detail or self.kind}"


MISSING, UNEXPECTED, CHANGED, REORDERED = "missing", "not expected", "not as expected", "out of order"
REFUSED, NOT_REFUSED, RAISED, LOST, REPEATED = "refused", "not refused", "raised", "lost", "address not fresh"


@dataclass(frozen=True)
class Stepped:
    """One step: what was done, what both ends made of it, and which decisions of the table it was about."""

    stimulus: Stimulus
    action: Action
    before: State
    after: State
    expected: tuple[Said, ...]
    actual: tuple[Said, ...]
    fired: tuple[Fired, ...]
    differences: tuple[Difference, ...]
    """What the target did wrong. `REPEATED` alone does not part the two: the reference has the same address."""
    unconfirmed: bool = False
    """An answer of the target's waited to be confirmed when this step began."""
    armed: tuple[Timer, ...] = ()
    """The timers that ran when this step began."""
    collides: bool = False
    """The target had an attempt of its own under way when this step began."""
    routeless: bool = False
    """It knew no messaging route when this step began."""

    @property
    def parted(self) -> bool:
        return any(difference.problem != REPEATED for difference in self.differences)


@dataclass
class Lockstep:
    """One run of a target beside its reference. `used`: the addresses that the target has used in other runs.
    `calls`: of the target, for whoever watches."""

    declaration: Declaration
    make: Make
    used: dict[Address, None] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    steps: list[Stepped] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.calls:
            self.target: Target = self.make(self.declaration)
        settings = watched(self.declaration.settings)
        self.watcher: Watcher = settings.driver
        self.heard = Heard(self.declaration.profile, self.used)
        self.reference = OurEnd(self.declaration, self.heard, settings=settings)
        self.peer = Peer(self.reference)
        self.outputs: Sequence[Output] = ()
        """What the target has said in the last step, as it is."""
        self.bound: dict[Address, Address] = {}
        """What the target has chosen where it may: its reply addresses and outer addresses, by ours."""
        self.replies: dict[bytes, Address] = {}
        """The reply address that the target has chosen last for a request, by payload."""

    def run(self, stimuli: Sequence[Stimulus]) -> bool:
        """As many as are possible, one after another; False as soon as the target differs."""
        return all(self.step(stimulus) for stimulus in stimuli)

    def step(self, stimulus: Stimulus) -> bool:
        """One stimulus, if it is possible now. False if the target differs."""
        action = stimulus.build(self.peer)
        if action is None:
            return True
        before, unconfirmed = self._state(), self.peer.answered() is not None
        collides = self.peer.own_attempt() is not None
        routeless = not any(link.route for link in self.peer.links())
        armed = tuple(timer for _, timer in self.reference.timers if isinstance(timer, Timer))
        with self.calls:
            problem, outputs = self._act(action)
        self.outputs = self.heard.said = outputs
        self.heard.repeated = []
        self.watcher.fired.clear()
        refused, owed = self._expect(action)
        self._bind_outers(owed, outputs)
        actual = tuple(self._read(outputs, self._target_route))
        expected = tuple(self._read(owed, self._reference_route))
        differences = [*_refusals(refused, problem)]
        differences += [Difference(REPEATED, "address", str(address)) for address in self.heard.repeated]
        if problem is None or problem.problem not in (LOST, RAISED):
            differences += compare(expected, actual, self._allowed(action))
        self.peer.observe()
        stepped = Stepped(
            stimulus, action, before, self._state(), expected, actual, tuple(self.watcher.fired),
            tuple(differences), unconfirmed, armed, collides, routeless,
        )  # fmt: skip
        self.steps.append(stepped)
        return not stepped.parted

    def _state(self) -> State:
        session = self.reference.session
        return session.state if session is not None else State.IDLE

    def _act(self, action: Action) -> tuple[Difference | None, Sequence[Output]]:
        """The target's turn: what it did that is no output, and its outputs."""
        target, refusal = self.target, None
        try:
            for single in singles(action):
                refusal = self._hand(single)
            if isinstance(action, AtOnce) and self.declaration.role is Role.RESPONDER:
                refusal = None  # a host may have forgotten by then whom the order is for
            target.advance(0.0)
            outputs = tuple(islice(target.take_outputs(), MOST_OUTPUTS + 1))
            if len(outputs) > MOST_OUTPUTS:
                return Difference(LOST, "", f"more than {MOST_OUTPUTS} outputs in one step"), ()
            return refusal, outputs
        except TargetLost as lost:
            return Difference(LOST, "", str(lost)), ()
        except Exception as error:  # whatever a target raises is a finding, not our error
            return Difference(RAISED, type(error).__name__, f"{type(error).__name__}: {error}"), ()

    def _hand(self, action: Single) -> Difference | None:
        match action:
            case Arrive(message, carrier):
                self.target.deliver(self._for_target(message), carrier)
            case Wait(seconds):
                self.target.advance(seconds)
            case Do(order):
                try:
                    self.target.order(order)
                except LocalSessionError as refused:
                    return Difference(REFUSED, order.what.value, str(refused))
        return None

    def _expect(self, action: Action) -> tuple[bool, Sequence[Output]]:
        """The reference's turn: whether it refuses, and its outputs."""
        refused = False
        for single in singles(action):
            if not (isinstance(single, Arrive) and single.unheard):
                refused = perform(self.reference, single)
        self.reference.advance(0.0)
        return refused, self.reference.take_outputs()

    def _for_target(self, message: Message) -> Message:
        """The peer knows the reference's reply addresses; the target has chosen its own."""
        return _renamed(message, self.bound, self.declaration.profile)

    def in_our_words(self, message: Message) -> Message:
        """A message for the target, as it would be for the reference."""
        ours = {theirs: mine for mine, theirs in self.bound.items()}
        return _renamed(message, ours, self.declaration.profile)

    def _allowed(self, action: Action) -> Hashable:
        """An error may go back for what reached an address that has ended."""
        action = singles(action)[0]
        if isinstance(action, Arrive) and action.message.onward_route[0] in self.peer.ended:
            return action.message.return_route
        return None

    # Words ------------------------------------------------------------------------------------------------------------

    def _read(self, outputs: Sequence[Output], names: Names) -> Iterator[Said]:
        for output in outputs:
            match output:
                case Send(message):
                    yield self._sent(message, names)
                case Deliver(payload, onward_route, return_route):
                    yield Said("delivered", "delivery", (payload, onward_route, names(return_route, b"")))
                case Notify(notice):
                    yield _told(notice)
                case DeadLetter(message=Outgoing(payload)) if Feature.DEAD_LETTERS in self.target.features:
                    yield Said("dead", "dead letter", (payload,))

    def _sent(self, message: Message, names: Names) -> Said:
        signal = read(message, self.declaration.profile)
        onward, back = message.onward_route, message.return_route
        match signal:
            case None:
                return Said("say", "unreadable bytes", (onward, message.payload))
            case Hello(session_id, generation, route):
                return Said("say", "hello", (session_id.hex(), generation, route, onward, back))
            case Answer(session_id, generation, worker, resumed):
                return Said("say", "answer", (session_id.hex(), generation, worker, resumed, onward, back))
            case Superseded(session_id, number, address):
                return Said("say", "superseded", (session_id.hex(), number, address, onward, names(back, b"")))
            case Data(payload, beyond, behind):
                if self.declaration.profile.keeps_alive:
                    behind = names(behind, payload)
                else:
                    back = names(back, payload)
                return Said("data", "data", (payload, beyond, behind, onward, back, message.tracing_context))
            case Close():
                return Said("say", "close", (onward, back))
            case Error():
                return Said("say", "error", (onward,))
        return Said("say", "keepalive" if isinstance(signal, Keepalive) else "keepalive answer", (onward, back))

    def _reference_route(self, route: Route, request: bytes) -> Route:
        """Our route in the target's words: a reply address that it has chosen, or the outer address of a responder."""
        if not route:
            return route
        chosen = self.replies.get(request)
        if request[:1] == b"q" and chosen is not None and inner_of_reply(chosen) == inner_of_reply(route[0]):
            self.bound[route[0]] = chosen
        return (self.bound.get(route[0], route[0]), *route[1:])

    def _target_route(self, route: Route, request: bytes) -> Route:
        """A reply address is used once."""
        if request[:1] == b"q" and route and route[0] not in self.replies.values():
            self.replies[request] = route[0]
        return route

    def _bind_outers(self, owed: Sequence[Output], outputs: Sequence[Output]) -> None:
        """The outer address of a responder is bound when it is first seen, and then has to stay."""
        if self.declaration.role is Role.INITIATOR:
            return
        for ours, theirs in zip(self._outers(owed), self._outers(outputs), strict=False):
            if theirs not in self.bound.values():
                self.bound.setdefault(ours, theirs)

    def _outers(self, outputs: Sequence[Output]) -> Iterator[Address]:
        """Where outer addresses are said: in what is delivered, and as the sender of `superseded`."""
        for output in outputs:
            match output:
                case Deliver(return_route=(outer, *_)):
                    yield outer
                case Send(message) if message.return_route:
                    if isinstance(read(message, self.declaration.profile), Superseded):
                        yield message.return_route[0]


def _renamed(message: Message, names: Mapping[Address, Address], profile: Profile) -> Message:
    """The same message to the same end, which knows one of its own addresses under another name."""
    onward = tuple(names.get(address, address) for address in message.onward_route)
    signal = read(message, profile) if names else None
    payload = message.payload
    if isinstance(signal, Data) and signal.onward_route and profile.keeps_alive:
        first = names.get(signal.onward_route[0], signal.onward_route[0])
        payload = profile.encode(replace(signal, onward_route=(first, *signal.onward_route[1:])))
    return Message(onward, message.return_route, payload, message.tracing_context)


def _refusals(refused: bool, problem: Difference | None) -> Iterator[Difference]:
    """`refused`: the order had to be refused."""
    if problem is not None and not (refused and problem.problem == REFUSED):
        yield problem
    elif refused and problem is None:
        yield Difference(NOT_REFUSED)


def _told(notice: Notice) -> Said:
    match notice:
        case Established(generation, resumed):
            return Said("told", "established", (generation.number, int(generation.starter), resumed))
        case TimedOut():
            return Said("told", "timed out")
        case Closed(reason):
            return Said("told", "closed", (EXHAUSTED,) if reason == EXHAUSTED else ())
        case RequestFailed(request):
            return Said("told", "request failed", (request,))
    name = "response" if hasattr(notice, "payload") else "request timed out"
    return Said("told", name, (notice.request, getattr(notice, "payload", b"")))


PARTS: Mapping[str, tuple[str, ...]] = {
    "hello": ("session id", "generation", "own route", "onward route", "return route"),
    "answer": ("session id", "generation", "worker", "resumed", "onward route", "return route"),
    "superseded": ("session id", "number", "address", "onward route", "outer route"),
    "keepalive": ("onward route", "return route"),
    "keepalive answer": ("onward route", "return route"),
    "close": ("onward route", "return route"),
    "data": ("payload", "way beyond", "way behind", "onward route", "return route", "tracing context"),
    "delivery": ("payload", "way beyond", "outer route"),
    "established": ("number", "starter", "resumed"),
    "closed": ("reason",),
}


def _changed(expected: Said, actual: Said) -> tuple[str, ...]:
    names = PARTS.get(expected.kind, ())
    if len(expected.what) != len(actual.what):
        return names[:1]
    pairs = zip(names, expected.what, actual.what, strict=False)
    return tuple(name for name, one, other in pairs if one != other)


def compare(expected: Sequence[Said], actual: Sequence[Said], error_to: Hashable = None) -> Iterator[Difference]:
    """What is missing, what is too much, and what is not in its order."""
    said = [one for one in actual if not (one.kind == "error" and error_to is not None and one.what == (error_to,))]
    missing = list((Counter(expected) - Counter(said)).elements())
    surplus = list((Counter(said) - Counter(expected)).elements())
    for one in missing:
        other = next((two for two in surplus if two.kind == one.kind), None)
        if other is None:
            yield Difference(MISSING, one.kind, str(one))
        else:
            surplus.remove(other)
            yield Difference(CHANGED, one.kind, f"{other} instead of {one}", _changed(one, other))
    yield from (Difference(UNEXPECTED, one.kind, str(one)) for one in surplus)
    if missing or surplus:
        return
    for channel in ORDERED:
        ours, theirs = ([one for one in some if one.channel == channel] for some in (expected, said))
        if ours != theirs:
            yield Difference(
                REORDERED, channel, f"{', '.join(map(str, theirs))} instead of {', '.join(map(str, ours))}"
            )

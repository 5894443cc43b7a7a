"""A target in any language: a program that exchanges lines of JSON with the kit (`spec/conformance-pipe.md`).

Both sides of the pipe are here: `Program` is the kit's, `serve` is that of a target written in Python.

Rule 1: a command is one line, and so is its answer. Timers that are due at once expire before the answer.
Rule 2: a program that breaks the protocol is lost, with the reason; the next run starts it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ockam_fsm.conformance.target import (
    EndpointUnderTest,
    Feature,
    Order,
    Ordered,
    Output,
    Target,
    TargetFactory,
    TargetLost,
    Unsupported,
)
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH, check_route
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.commands import (
    Closed,
    DeadLetter,
    Deliver,
    Established,
    Notice,
    Notify,
    RequestFailed,
    RequestTimedOut,
    Responded,
    Send,
    TimedOut,
)
from ockam_fsm.runtime.session.config import BackOff, Durations
from ockam_fsm.runtime.session.handshake import PROFILES
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import Generation
from ockam_fsm.tools.line_subprocess import LineProgram, ProgramLost

Json = Mapping[str, Any]
MOST_ANSWER_BYTES = 16 * 2**20
"""The limit of answers in one run, in bytes, which bounds the record of the run."""


# Encoding -------------------------------------------------------------------------------------------------------------


def route_to_json(route: Route) -> list[list[Any]]:
    return [[address.type, address.value.hex()] for address in route]


def route_of(found: Any) -> Route:
    route = tuple(Address(int(kind), bytes.fromhex(value)) for kind, value in found[: MAX_ROUTE_LENGTH + 1])
    check_route(route)
    return route


def message_to_json(message: Message) -> dict[str, Any]:
    return {
        "onward_route": route_to_json(message.onward_route),
        "return_route": route_to_json(message.return_route),
        "payload": message.payload.hex(),
        "tracing_context": message.tracing_context,
    }


def message_of(found: Json) -> Message:
    onward, back = route_of(found["onward_route"]), route_of(found["return_route"])
    return Message(onward, back, bytes.fromhex(found["payload"]), found.get("tracing_context"))


def endpoint_to_json(declared: EndpointUnderTest) -> dict[str, Any]:
    durations = declared.durations
    back_off = durations.back_off
    outer = declared.terms(declared.session_id).outer if declared.role is Role.INITIATOR else None
    return {
        "type": declared.session_type.name,
        "role": declared.role.name.lower(),
        "profile": declared.profile.name,
        "session_id": declared.session_id.hex(),
        "outer": route_to_json((outer,))[0] if outer else None,
        "contact": route_to_json((declared.contact,))[0] if declared.contact else None,
        "own_route": route_to_json(declared.own_route),
        "initialization_route": route_to_json(declared.initialization_route),
        "attempts": declared.attempts,
        "held": declared.held,
        "misses": declared.misses,
        "requests": declared.requests,
        "capacity": declared.capacity,
        "negotiation_seconds": durations.negotiation_seconds,
        "keepalive_seconds": durations.keepalive_seconds,
        "idle_seconds": durations.idle_seconds,
        "retention_seconds": durations.retention_seconds,
        "request_seconds": durations.request_seconds,
        "back_off": [back_off.initial_seconds, back_off.factor, back_off.max_seconds],
        "remembered": declared.remembered,
        "has_state": declared.has_state,
    }


def endpoint_of(found: Json) -> EndpointUnderTest:
    """Decode a declaration for a target in Python; the addresses are the constants of target.py."""
    initial, factor, largest = found["back_off"]
    names = ("negotiation_seconds", "keepalive_seconds", "idle_seconds", "retention_seconds", "request_seconds")
    durations = Durations(**{name: found[name] for name in names}, back_off=BackOff(initial, factor, largest, 0.0))
    limits = {name: found[name] for name in ("attempts", "held", "misses", "requests", "capacity")}
    memory = {name: found[name] for name in ("remembered", "has_state")}
    kind = next(one for one in TYPES if one.name == found["type"])
    role, profile = Role[found["role"].upper()], PROFILES[found["profile"]]
    return EndpointUnderTest(kind, role, profile, durations=durations, **limits, **memory)


def order_to_json(order: Order) -> dict[str, Any]:
    return {
        "order": order.what.value,
        "payload": order.payload.hex(),
        "onward_route": route_to_json(order.onward_route),
        "request": order.request,
        "reissue": order.reissue,
        "tracing_context": order.tracing_context,
    }


def order_of(found: Json) -> Order:
    return Order(
        Ordered(found["order"]),
        bytes.fromhex(found["payload"]),
        route_of(found["onward_route"]),
        found["request"],
        found["reissue"],
        found["tracing_context"],
    )


def output_to_json(output: Output) -> dict[str, Any]:
    match output:
        case Send(message):
            return {"send": message_to_json(message)}
        case Deliver(payload, onward, back):
            found = {"payload": payload.hex(), "onward_route": route_to_json(onward)}
            return {"deliver": {**found, "return_route": route_to_json(back)}}
        case DeadLetter(reason, message):
            return {"dead_letter": message.payload.hex() if isinstance(message, Outgoing) else "", "reason": reason}
        case Notify(notice):
            return _notice_to_json(notice)


def _notice_to_json(notice: Notice) -> dict[str, Any]:
    match notice:
        case Established(generation, resumed):
            starter = generation.starter.name.lower()
            return {"tell": "established", "number": generation.number, "starter": starter, "resumed": resumed}
        case TimedOut(reason):
            return {"tell": "timed out", "reason": reason}
        case Closed(reason):
            return {"tell": "closed", "reason": reason}
        case Responded(request, payload):
            return {"outcome": "response", "request": request, "payload": payload.hex()}
        case RequestFailed(request, reason):
            return {"outcome": "error", "request": request, "reason": reason}
        case RequestTimedOut(request):
            return {"outcome": "timeout", "request": request}


def output_of(found: Json) -> Output:
    if "send" in found:
        return Send(message_of(found["send"]))
    if "deliver" in found:
        data = found["deliver"]
        return Deliver(bytes.fromhex(data["payload"]), route_of(data["onward_route"]), route_of(data["return_route"]))
    if "dead_letter" in found:
        return DeadLetter(found.get("reason", ""), Outgoing(bytes.fromhex(found["dead_letter"])))
    return Notify(_OUTCOMES[found["outcome"]](found) if "outcome" in found else _TOLD[found["tell"]](found))


def _established(found: Json) -> Notice:
    generation = Generation(found["number"], Role[found["starter"].upper()], local(b""))
    return Established(generation, found["resumed"])


_TOLD: Mapping[str, Callable[[Json], Notice]] = {
    "established": _established,
    "timed out": lambda found: TimedOut(found.get("reason", "")),
    "closed": lambda found: Closed(found.get("reason", "")),
}
_OUTCOMES: Mapping[str, Callable[[Json], Notice]] = {
    "response": lambda found: Responded(found["request"], bytes.fromhex(found["payload"])),
    "error": lambda found: RequestFailed(found["request"], found.get("reason", "")),
    "timeout": lambda found: RequestTimedOut(found["request"]),
}


# The kit's side -------------------------------------------------------------------------------------------------------


class Program:
    """A program as a target: `program.make` is the argument of `check_initiator` and the other kits."""

    def __init__(
        self, command: Sequence[str], patience_seconds: float = 5.0, over: Callable[[], bool] = lambda: False
    ) -> None:
        """`over`: returns whether the whole run has to end now."""
        self.command = tuple(command)
        self.patience_seconds, self.over = patience_seconds, over
        self.answered_bytes = 0
        """The number of bytes of answers in the present run."""
        self.running: LineProgram | None = None

    def make(self, endpoint: EndpointUnderTest) -> Target:
        """Start an end in the program. Raises Unsupported or TargetLost."""
        self.answered_bytes = 0
        answer = self.ask({"start": endpoint_to_json(endpoint)})
        if "unsupported" in answer:
            raise Unsupported(str(answer["unsupported"]))
        claimed = answer.get("ready")
        if not isinstance(claimed, list):
            self.close()
            raise TargetLost(f"expected 'ready' or 'unsupported' in the answer to start; got {str(answer)[:80]}")
        return PipeTarget(self, frozenset(feature for feature in Feature if feature.value in claimed))

    def ask(self, command: Json) -> Json:
        try:
            if self.running is None:
                self.running = LineProgram(self.command, self.patience_seconds, self.over)
            line = self.running.ask(json.dumps(command).encode())
            self.answered_bytes += len(line)
            if self.answered_bytes > MOST_ANSWER_BYTES:
                raise ProgramLost(f"expected at most {MOST_ANSWER_BYTES} bytes of answers in one run; got more")
            answer = json.loads(line)
        except ProgramLost as lost:
            self.close()
            raise TargetLost(str(lost)) from None
        except (ValueError, RecursionError):
            self.close()
            raise TargetLost(f"expected a line of JSON; got {line[:80]!r}") from None
        if not isinstance(answer, dict):
            self.close()
            raise TargetLost(f"expected a JSON object; got {line[:80]!r}")
        return answer

    def close(self) -> None:
        """End the program. The next command starts it again."""
        if self.running is not None:
            self.running.close()
            self.running = None

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PipeTarget:
    """One end in a program."""

    def __init__(self, program: Program, features: frozenset[Feature]) -> None:
        self.program = program
        self.features = features
        self.outputs: list[Output] = []

    def deliver(self, message: Message, carrier: str) -> None:
        self._ask({"deliver": message_to_json(message), "carrier": carrier})

    def advance(self, seconds: float) -> None:
        if seconds:
            self._ask({"advance": seconds})

    def order(self, order: Order) -> None:
        answer = self._ask(order_to_json(order))
        if "refused" in answer:
            raise LocalSessionError(str(answer["refused"]))

    def take_outputs(self) -> Sequence[Output]:
        outputs, self.outputs = self.outputs, []
        return outputs

    def _ask(self, command: Json) -> Json:
        answer = self.program.ask(command)
        try:
            self.outputs += [output_of(one) for one in answer["outputs"]]
        except (AttributeError, KeyError, TypeError, ValueError, LocalSessionError) as error:
            self.program.close()
            raise TargetLost(f"unreadable output: {type(error).__name__}: {str(error)[:500]}") from None
        return answer


# A target's side ------------------------------------------------------------------------------------------------------


def serve(make: TargetFactory, lines: Iterable[str], write: Callable[[str], object]) -> None:
    """Serve a target over a pipe: pass each command to an end of `make` and write its answer. Ends with the input."""
    target: Target | None = None
    for line in lines:
        command = json.loads(line)
        answer: dict[str, Any] = {}
        if "start" in command:
            target = None
            try:
                target = make(endpoint_of(command["start"]))
                answer["ready"] = sorted(feature.value for feature in target.features)
            except Unsupported as reason:
                answer["unsupported"] = str(reason)
        else:
            assert target is not None, "a command before a start"
            answer = _carried_out(target, command)
        write(json.dumps(answer) + "\n")


def _carried_out(target: Target, command: Json) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    try:
        if "deliver" in command:
            target.deliver(message_of(command["deliver"]), command["carrier"])
        elif "advance" in command:
            target.advance(command["advance"])
        else:
            target.order(order_of(command))
    except LocalSessionError as refused:
        answer["refused"] = str(refused)
    target.advance(0.0)
    answer["outputs"] = [output_to_json(output) for output in target.take_outputs()]
    return answer

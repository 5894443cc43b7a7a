"""Mutant implementations with one defect each, and the clause to which the kit has to attribute it.

The known-bad machines of the explorer are included: a real session with one rule broken. The other mutants are defects
of foreign implementations.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from ockam_fsm.checking.known_bad import Checker
from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.conformance.reference.reference_end import ReferenceEnd
from ockam_fsm.conformance.reference.reference_node import ReferenceNode
from ockam_fsm.conformance.target import HOP, OUR_CARRIER, EndpointUnderTest, TargetFactory
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.causes import Cause, Inbound, Response
from ockam_fsm.runtime.session.commands import Deliver, Send
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.link import Link, Purpose
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Data, Hello
from ockam_fsm.specification.table_world import pair_config_of

INITIATOR, RESPONDER = Role.INITIATOR, Role.RESPONDER

CLAUSES: Mapping[str, tuple[Role, str]] = {
    "no-generation": (INITIATOR, "4.3"),
    "established-on-answering": (RESPONDER, "4.4"),
    "no-superseded": (RESPONDER, "4.2"),
    "no-negotiation-timer": (INITIATOR, "3.9"),
    "no-keepalive": (INITIATOR, "4.7"),
    "no-request-timer": (INITIATOR, "6.3"),
    "retry-without-back-off": (INITIATOR, "3.2"),
    "reuse-inner-address": (INITIATOR, "4.1"),
    "never-reap": (RESPONDER, "3.6"),
    "first-established-wins": (INITIATOR, "4.6"),
    "late-response-counts": (INITIATOR, "6.3"),
    "forget-held-messages": (INITIATOR, "7.5"),
    "held-overtakes-reissued": (RESPONDER, "7.4"),
    "withdrawn-still-held": (INITIATOR, "6.7"),
    "deadline-fails-session": (INITIATOR, "6.7"),
    "transient-renegotiates": (INITIATOR, "3.3"),
    "responder-renegotiates": (RESPONDER, "3.6"),
    "deliver-before-established": (RESPONDER, "4.4"),
    "route-outlives-failure": (INITIATOR, "4.5"),
    "unbounded-hold": (INITIATOR, "7.2"),
    "lose-state-on-renegotiation": (RESPONDER, "2.1"),
    "closing-untold": (INITIATOR, "3.3"),
    "unwatched-peer": (RESPONDER, "3.7"),
    "deaf-responder": (RESPONDER, "3.7"),
    "uncounted-attempts": (INITIATOR, "3.4"),
    "unanswered-keepalive": (INITIATOR, "4.7"),
    "close-to-the-past": (RESPONDER, "3.8"),
    "refused-close": (INITIATOR, "3.8"),
    "close-is-a-failure": (RESPONDER, "3.8"),
    "late-close-ends": (RESPONDER, "3.8"),
    "close-without-route-unsaid": (INITIATOR, "3.8"),
    "close-believed-from-anybody": (RESPONDER, "3.8"),
    "unconfirmed-attempt-ends-all": (RESPONDER, "3.9"),
    "returned-responder-forgotten": (RESPONDER, "3.9"),
    "unconfirmed-number-stays": (RESPONDER, "4.2"),
}
"""The end at which each known-bad machine of spec/sessions.md shows, and the rule of section 9 that it breaks."""


@dataclass(frozen=True)
class Defect:
    name: str
    kind: SessionType
    role: Role
    clause: str
    make: TargetFactory


class Labelled:
    """Addresses of 128 random bits after the end's own label, for a machine that keeps one address."""

    def __init__(self) -> None:
        self.label = secrets.token_hex(16)

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return local(f"{self.label}/{secrets.token_hex(16)}")

    def fraction(self) -> float:
        return 0.5


class Guessable:
    """Addresses that are consecutive numbers."""

    made = count(1)

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return local(f"a fairly long inner address {next(self.made)}")

    def fraction(self) -> float:
        return 0.5


def _known() -> Iterator[Defect]:
    for bad in wrong_sessions():
        if not bad.is_rejected_by(Checker.KIT):
            continue
        config = pair_config_of(bad.world)
        role, clause = CLAUSES[bad.name]
        variant = dict(config.variants).get(role)

        def make(declared: EndpointUnderTest, config=config, variant=variant) -> ReferenceEnd:  # type: ignore[no-untyped-def]
            return ReferenceEnd(declared, Labelled(), config.make, replace(declared.settings, variant=variant))

        yield Defect(bad.name, config.session_type, role, clause, make)


# Defects of foreign implementations -----------------------------------------------------------------------------------


class HelloAsData(Session):
    """Every message at an inner address is data for the application."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        if place is Place.WORKER:
            self._emit(Deliver(inbound.message.payload, (), (self.terms.outer,)))
        else:
            super()._judge_hello(inbound, hello, place)


class AnyResponse(Session):
    """Any response completes the oldest request."""

    __slots__ = ()

    def _judge_data(self, inbound: Inbound, link: Link) -> Inbound | Response:
        try:
            return super()._judge_data(inbound, link)
        except RemoteSessionError:
            data = inbound.signal
            assert isinstance(data, Data)
            for request in self.requests.values():
                if request.state is RequestState.PENDING:
                    return Response(inbound.message, request.identifier, data.payload)
            raise


class LastFirst(Session):
    """Held messages are sent in reverse order."""

    __slots__ = ()

    def _forward_held(self, cause: Cause) -> None:
        self.waiting = list(reversed(self.waiting))
        super()._forward_held(cause)


class AlwaysResumed(Session):
    """An end without state answers with `resumed`."""

    __slots__ = ()

    def _accept_attempt(self, cause: Cause) -> None:
        self.has_state = True
        super()._accept_attempt(cause)


class AnyJump(Session):
    """A number may jump by any amount."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        number, role = self.seen
        self.seen = (max(number, hello.generation.number - 1), role)
        super()._judge_hello(inbound, hello, place)


class AnswersAnywhere(Session):
    """The last address of the return route is not replaced by the worker's."""

    __slots__ = ()

    def _adopt_link(self, cause: Cause) -> None:
        super()._adopt_link(cause)
        if isinstance(cause, Inbound) and self.current is not None and self.is_own(self.current):
            self.current = self.current._replace(route=cause.message.return_route)


class EveryEnd(ReferenceEnd):
    """The reference end with the real address source; each subclass has one defect outside the session."""

    def __init__(self, endpoint: EndpointUnderTest) -> None:
        super().__init__(endpoint, Labelled())


class Crashes(EveryEnd):
    """Raises an exception for an unreadable message."""

    def deliver(self, message: Message, carrier: str) -> None:
        if message.payload[:1] == b"\xff":
            raise ValueError("cannot read this")
        super().deliver(message, carrier)


class KillsOthers(EveryEnd):
    """An unreadable message ends every responder."""

    def deliver(self, message: Message, carrier: str) -> None:
        if message.payload[:1] == b"\xff" and not isinstance(self.core, Session):
            self.core = self._host()
            self.clock.timers.clear()
        super().deliver(message, carrier)


class LeaksPerDuplicate(EveryEnd):
    """Every hello takes a place, also a repeated one."""

    def deliver(self, message: Message, carrier: str) -> None:
        core = self.core
        assert not isinstance(core, Session)
        known = len(core.sessions)
        super().deliver(message, carrier)
        if message.payload[:1] == b"\x01" and len(core.sessions) == known:
            core.responders += 1


class NoCapacity(EveryEnd):
    """The number of responders is not bounded."""

    def __init__(self, endpoint: EndpointUnderTest) -> None:
        super().__init__(replace(endpoint, capacity=1000))


class Lenient(EveryEnd):
    """Bytes after the end of a message are ignored."""

    def deliver(self, message: Message, carrier: str) -> None:
        payload = message.payload
        while payload and payload[-1] == 0:
            try:
                GENERATION.decode(payload, Place.WORKER, message.return_route)
                break
            except RemoteSessionError:
                payload = payload[:-1]
        super().deliver(replace(message, payload=payload), carrier)


class ForgetsTracing(EveryEnd):
    """The tracing context is dropped."""

    def take_outputs(self) -> list:  # type: ignore[type-arg]
        outputs = super().take_outputs()
        return [Send(replace(o.message, tracing_context=None)) if isinstance(o, Send) else o for o in outputs]


class RefusesToClose(EveryEnd):
    """A closed session raises when it is closed again."""

    def order(self, order) -> None:  # type: ignore[no-untyped-def]
        if order.what.value == "close" and self.session is not None and self.session.state.name == "CLOSED":
            raise LocalSessionError("closed already")
        super().order(order)


class CountsAddresses(ReferenceEnd):
    """Inner addresses can be guessed."""

    def __init__(self, endpoint: EndpointUnderTest) -> None:
        super().__init__(endpoint, Guessable())


class AnyCarrier(ReferenceNode):
    """Messages over any connection are accepted."""

    def deliver(self, message: Message, carrier: str) -> None:
        super().deliver(message, OUR_CARRIER)


class AnswersItself(ReferenceNode):
    """A hello may name one of the node's own workers."""

    def deliver(self, message: Message, carrier: str) -> None:
        own = message.return_route == (HOP,)
        super().deliver(replace(message, return_route=(HOP, local("echo"))) if own else message, carrier)


def _session(make: type[Session]) -> TargetFactory:
    return lambda declared: ReferenceEnd(declared, Labelled(), make)


def _others() -> Iterator[Defect]:
    one_sided = EXPLICIT_PERSISTENT_ONE_SIDED
    yield Defect("hello-as-data", one_sided, RESPONDER, "4.2", _session(HelloAsData))
    yield Defect("any-response", one_sided, INITIATOR, "6.2", _session(AnyResponse))
    yield Defect("last-first", one_sided, INITIATOR, "7.4", _session(LastFirst))
    yield Defect("always-resumed", EXPLICIT_TRANSIENT, RESPONDER, "2.1", _session(AlwaysResumed))
    yield Defect("any-jump", one_sided, RESPONDER, "4.2", _session(AnyJump))
    yield Defect("answers-anywhere", EXPLICIT_TRANSIENT, INITIATOR, "5.1", _session(AnswersAnywhere))
    yield Defect("crashes", EXPLICIT_TRANSIENT, RESPONDER, "14.4", Crashes)
    yield Defect("kills-others", EXPLICIT_TRANSIENT, RESPONDER, "14.4", KillsOthers)
    yield Defect("leaks-per-duplicate", one_sided, RESPONDER, "2.3", LeaksPerDuplicate)
    yield Defect("no-capacity", one_sided, RESPONDER, "4.9", NoCapacity)
    yield Defect("lenient", EXPLICIT_TRANSIENT, RESPONDER, "14.3", Lenient)
    yield Defect("forgets-tracing", EXPLICIT_TRANSIENT, INITIATOR, "7.2", ForgetsTracing)
    yield Defect("refuses-to-close", EXPLICIT_TRANSIENT, INITIATOR, "3.8", RefusesToClose)
    yield Defect("any-carrier", one_sided, INITIATOR, "5.4", AnyCarrier)
    yield Defect("answers-itself", one_sided, RESPONDER, "5.1", AnswersItself)
    yield Defect("counts-addresses", EXPLICIT_TRANSIENT, INITIATOR, "4.1", CountsAddresses)


DEFECTS: tuple[Defect, ...] = (*_known(), *_others())

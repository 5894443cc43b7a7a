"""Values for tests of a whole node: values of the application, frames of peers, and misbehaving handlers.

All values are in tables with names, so draws are positions and a trace is a list of numbers.

Rule 1: a name that begins with `wrong` is that of a value that no call may accept. The call checks lengths and sizes.
Rule 2: payloads of the application begin with `OWN`, those of peers with `PEER` (or are a signal of a session). So a
        private worker can distinguish them.
Rule 3: peers name `VICTIM` as a destination, the application never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import MAX_ADDRESS_BYTES, MAX_ROUTE_LENGTH, encode_message
from ockam_fsm.runtime.encoding.gate import ENVELOPE_BYTES, MAX_ACCEPTED_ROUTE, MAX_TRACING_CONTEXT_BYTES, payload_limit
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.workers import LATER, Context
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import (
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    Signal,
)
from tests.runtime.node_helpers import tcp

FRAME_BYTES = 2 * ENVELOPE_BYTES
"""The smallest frame whose limit leaves the whole reserve for the growth of a message."""

LIMIT = payload_limit(FRAME_BYTES)
OWN, PEER = b"own", b"peer"
VICTIM = tcp("victim.example:9")
VAULT, ECHO, HOP, DOER = local("vault"), local("echo"), local("hop"), local("doer")
RELAY, UNPACK, DIRECTORY, TO_VAULT = local("relay"), local("unpack"), local("directory"), local("to-vault")
HOST, TWO_SIDED, INNER, OUTER = local("host"), local("two-sided"), local("inner-host"), local("own-session")
LONG = local(b"a" * MAX_ADDRESS_BYTES)


class BadName:
    """A value of the application whose `repr` fails."""

    def __repr__(self) -> str:
        raise asyncio.CancelledError


class BadError(Exception):
    def __repr__(self) -> str:
        raise asyncio.CancelledError


class Awaitable:
    def __await__(self) -> Any:
        return iter(())


async def coroutine(*_: object) -> None: ...


# Values of the application --------------------------------------------------------------------------------------------

PAYLOADS: Mapping[str, Any] = MappingProxyType({
    "small": OWN, "empty": b"", "limit": OWN.ljust(LIMIT, b"."), "over": OWN.ljust(LIMIT + 1, b"."),
    "wrong text": "own", "wrong None": None, "wrong bytearray": bytearray(OWN), "wrong view": memoryview(OWN),
    "wrong number": 3, "wrong list": [OWN],
})  # fmt: skip

ROUTES: Mapping[str, Any] = MappingProxyType({
    "none": (), "vault": (VAULT,), "echo": (ECHO,), "doer": (DOER,), "hops": (HOP,) * 20 + (ECHO,),
    "unknown": (local("unknown"),), "host": (HOST,), "host 2": (local("host-2"),),
    "own session": (OUTER, ECHO), "relay": (RELAY, local("x")),
    "there": (tcp("there.example:4000"), ECHO), "there again": (tcp("There.Example.:04000"), ECHO),
    "address": (tcp("192.0.2.1:7"), ECHO), "address again": (tcp("[::ffff:192.0.2.1]:7"), ECHO),
    "refuses": (tcp("refuses.example:1"), ECHO), "silent": (tcp("silent.example:1"), ECHO),
    "no port": (tcp("no-port"),), "no text": (Address(1, b"\xff\xfe:1"),), "other transport": (Address(2, b"x"),),
    "longest": (HOP,) + (LONG,) * (MAX_ACCEPTED_ROUTE - 1), "one too many": (HOP,) * (MAX_ACCEPTED_ROUTE + 1),
    "far, longest": (tcp("there.example:4000"), *(LONG,) * (MAX_ACCEPTED_ROUTE - 1)),
    "full": (HOP,) * MAX_ROUTE_LENGTH, "over full": (HOP,) * (MAX_ROUTE_LENGTH + 1),
    "wrong text": "echo", "wrong None": None, "wrong list": [ECHO], "wrong address": ECHO, "wrong parts": ("echo",),
    "wrong type": (Address(256, b"x"),), "wrong bool": (Address(True, b"x"),), "wrong value": (Address(0, "x"),),  # type: ignore[arg-type]
    "wrong size": (local(b"a" * (MAX_ADDRESS_BYTES + 1)),), "wrong pair": ((0, b"echo"),),
})  # fmt: skip

CONTEXTS: Mapping[str, Any] = MappingProxyType({
    "none": None, "some": "00-ab", "limit": "x" * MAX_TRACING_CONTEXT_BYTES,
    "wrong size": "x" * (MAX_TRACING_CONTEXT_BYTES + 1), "wrong text": "\ud800", "wrong bytes": b"00-ab",
})  # fmt: skip

IDENTIFIERS: Mapping[str, Any] = MappingProxyType({
    "text": "r", "tuple": ("r", 1), "object": object(), "wrong None": None, "wrong list": ["r"],
})  # fmt: skip

ADDRESSES: Mapping[str, tuple[Any, ...]] = MappingProxyType({
    "fresh": (), "free": (local("free"),), "two": (local("one"), local("two")), "wrong taken": (ECHO,),
    "wrong text": ("free",), "wrong None": (None,), "wrong type": (Address(256, b"x"),), "wrong empty": (local(""),),
    "wrong size": (local(b"a" * (MAX_ADDRESS_BYTES + 1)),),
})  # fmt: skip


def fits(value: Any, longest: int) -> bool:
    """Whether a route or payload is within a limit; the name decides for a value without a length."""
    return not hasattr(value, "__len__") or len(value) <= longest


# Handlers -------------------------------------------------------------------------------------------------------------

Action: TypeAlias = Callable[[Message, Context], object]


def raises(error: BaseException) -> Action:
    def action(message: Message, context: Context) -> object:
        context.send((ECHO,), OWN)
        raise error

    return action


def _forwards(**parts: Any) -> Action:
    return lambda message, context: context.forward(replace(message, **parts))


def _set_and_fail(message: Message, context: Context) -> object:
    context.set_timer(BadName(), 1.0)
    context.set_timer("raise Exception", 1.0)
    return None


ACTIONS: Mapping[str, Action] = MappingProxyType({
    "nothing": lambda message, context: None,
    "raise Exception": raises(ValueError("by order of the test")),
    "raise CancelledError": raises(asyncio.CancelledError()),
    "raise BaseException": raises(BaseException("by order of the test")),
    "raise GeneratorExit": raises(GeneratorExit()),
    "raise SystemExit": raises(SystemExit(1)),
    "raise without name": raises(BadError()),
    "return coroutine": coroutine,
    "return awaitable": lambda message, context: Awaitable(),
    "return number": lambda message, context: 5,
    "reply": lambda message, context: context.reply(OWN),
    "reply limit": lambda message, context: context.reply(PAYLOADS["limit"]),
    "reply over": lambda message, context: context.reply(PAYLOADS["over"]),
    "reply text": lambda message, context: context.reply("text"),  # type: ignore[arg-type]
    "reply None": lambda message, context: context.reply(None),  # type: ignore[arg-type]
    "send text route": lambda message, context: context.send("echo", OWN),  # type: ignore[arg-type]
    "send list route": lambda message, context: context.send([ECHO], OWN),  # type: ignore[arg-type]
    "send full route": lambda message, context: context.send(ROUTES["full"], OWN, ROUTES["full"]),
    "send over full": lambda message, context: context.send(ROUTES["over full"], OWN),
    "send out": lambda message, context: context.send(ROUTES["there"], OWN),
    "send to silent": lambda message, context: context.send(ROUTES["silent"], OWN),
    "send limit out": lambda message, context: context.send(ROUTES["there"], PAYLOADS["limit"], ROUTES["full"]),
    "send to vault": lambda message, context: context.send((VAULT,), OWN),
    "send through session": lambda message, context: context.send((OUTER, VAULT), OWN),
    "forward None": lambda message, context: context.forward(None),  # type: ignore[arg-type]
    "forward to vault": _forwards(onward_route=(VAULT,)),
    "forward out": _forwards(onward_route=(VICTIM, ECHO)),
    "forward text": _forwards(onward_route=(ECHO,), payload="text"),
    "forward over": _forwards(onward_route=(ECHO,), payload=PAYLOADS["over"]),
    "forward full": _forwards(onward_route=ROUTES["full"], return_route=ROUTES["full"]),
    "forward over full": _forwards(onward_route=ROUTES["over full"]),
    "forward context": _forwards(onward_route=(ECHO,), tracing_context=CONTEXTS["wrong text"]),
    "bury number": lambda message, context: context.dead_letter(3),  # type: ignore[arg-type]
    "bury": lambda message, context: context.dead_letter("a reason", "x" * 10_000),
    "timer nan": lambda message, context: context.set_timer("nothing", float("nan")),
    "timer past": lambda message, context: context.set_timer("nothing", -1.0),
    "timer list": lambda message, context: context.set_timer([], 1.0),  # type: ignore[arg-type]
    "timer without name": _set_and_fail,
    "timer that raises": lambda message, context: context.set_timer("raise CancelledError", 1.0),
    "timer that awaits": lambda message, context: context.set_timer("return coroutine", 1.0),
    "timer that sends": lambda message, context: context.set_timer("send out", 1.0),
    "later": lambda message, context: LATER,
})  # fmt: skip
NAMES = tuple(ACTIONS)


OWN_NAMES = tuple(name for name in NAMES if name != "forward out")
"""The actions that the application orders: none leads to `VICTIM`."""


def do(name: str, who: bytes = PEER) -> bytes:
    """Return the payload with this action for the doer."""
    return who + b"%d" % NAMES.index(name)


class Doer:
    """A handler that carries out the action of its message; kept contexts are put into `kept`."""

    def __init__(self, keep: Callable[[Context], None]) -> None:
        self.keep = keep

    def __call__(self, message: Message, context: Context) -> object:
        digits = message.payload.removeprefix(PEER).removeprefix(OWN)
        name = NAMES[int(digits) % len(NAMES)] if digits.isdigit() else "nothing"
        if name == "later":
            self.keep(context)
        return ACTIONS[name](message, context)

    def on_timer(self, timer: Hashable, context: Context) -> object:
        name = timer if isinstance(timer, str) else "raise Exception"
        return ACTIONS[name](Message((), (), OWN), context)


# Frames of peers ------------------------------------------------------------------------------------------------------

Frame: TypeAlias = Callable[[int, str], Message]
"""(a number that is never used twice, the host of the peer) -> its message."""
BACK: Route = (local("peer-worker"),)


def to(*onward: Address, payload: bytes = PEER, back: Route = BACK, context: str | None = None) -> Frame:
    return lambda number, host: Message(onward, back, payload, context)


def said(signal: Signal, *onward: Address) -> Frame:
    return to(*onward, payload=GENERATION.encode(signal))


def hello(at: Address, *initialization: Address, back: Route = (HOP,)) -> Frame:
    """Return a hello of a new session each time."""

    def frame(number: int, host: str) -> Message:
        generation = Generation(1, Role.INITIATOR, local(f"w{number}"))
        signal = Hello(number.to_bytes(16, "big"), generation, initialization)
        return Message((at,), (*back, generation.address), GENERATION.encode(signal))

    return frame


def _own_host(number: int, host: str) -> Message:
    """Return a message to the peer's own host, which the policy allows, in one of its spellings."""
    return Message((tcp((f"{host}:99", f"[::ffff:{host}]:099")[number % 2]), ECHO), BACK, PEER)


FRAMES: Mapping[str, Frame] = MappingProxyType({
    "echo": to(ECHO), "vault": to(VAULT), "hop to vault": to(HOP, HOP, VAULT), "forwarder to vault": to(TO_VAULT),
    "hops": to(*(HOP,) * 126, ECHO, back=()), "long hops": to(*(HOP,) * 119, ECHO, back=(LONG,) * 119),
    "victim": to(VICTIM, ECHO), "hop to victim": to(HOP, VICTIM, ECHO), "own host": _own_host,
    "no port": to(tcp("no-port")), "empty": to(), "unknown": to(local("unknown")), "other": to(Address(2, b"x")),
    "full": to(*ROUTES["full"], back=ROUTES["full"]), "longest": to(ECHO, *(LONG,) * 119, back=(LONG,) * 119),
    "limit": to(ECHO, payload=PEER.ljust(LIMIT, b".")), "over": to(ECHO, payload=PEER.ljust(LIMIT + 1, b".")),
    "context": to(ECHO, context=CONTEXTS["wrong size"]), "context limit": to(ECHO, context=CONTEXTS["limit"]),
    "hello": hello(HOST), "hello inside": hello(INNER),
    "hello host 2": hello(local("host-2")), "hello back here": hello(HOST, back=()),
    "hello to vault": hello(TWO_SIDED, VAULT), "hello to hop": hello(TWO_SIDED, HOP, VAULT),
    "hello to victim": hello(TWO_SIDED, VICTIM, ECHO), "hello to hop to victim": hello(TWO_SIDED, HOP, VICTIM, ECHO),
    "garbage": to(HOST, payload=b"\x01\x02\x03"), "garbage relay": to(RELAY, payload=b"\xff"),
    "data to host": said(Data(PEER), HOST), "close to session": said(GoingAway("x"), OUTER),
    "close to host": said(Close(bytes(16), 1, INNER, "x"), HOST),
    "inner 1": said(Error("x"), local("n-1w1")), "inner 2": said(GoingAway("x"), local("n-1w3")),
    "inner 3": said(Keepalive(), local("n-1w7")), "through session": to(OUTER, VAULT),
    "register": to(RELAY, payload=b"\x05alias" + bytes(16)), "relayed": to(RELAY, local("alias"), VAULT),
    "directory": to(DIRECTORY, local("name"), VAULT), "no name": to(DIRECTORY),
    "packed": to(UNPACK, payload=encode_message(Message((VAULT,), BACK, PEER))),
    "packed victim": to(UNPACK, payload=encode_message(Message((VICTIM,), BACK, PEER))),
    **{f"do {name}": to(DOER, payload=do(name)) for name in NAMES},
})  # fmt: skip

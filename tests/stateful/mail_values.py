"""Values for the mail machine (mail.py): workers, scripts for a handler, payloads, and parts of routes.

All values are in tables, so draws are positions. Each worker has two forms: the real handler, and the model's
(mail_model.py).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import MAX_ADDRESS_BYTES, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.relay import Registrar, Relay
from ockam_fsm.runtime.node.services import discovery, metadata_forwarder, metadata_receiver, static_forwarder
from ockam_fsm.runtime.node.workers import Context, Handler, echo, hop
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import (
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Superseded,
)
from tests.runtime.node_helpers import tcp
from tests.stateful import mail_model as model
from tests.stateful.mail_model import Hand, ModelNode

ECHO, HOP, INBOX, VAULT = (local(name) for name in ("echo", "hop", "inbox", "vault"))
TO_INBOX, TO_VAULT, FINDER, PROXY = (local(name) for name in ("to-inbox", "to-vault", "finder", "proxy"))
PACK, UNPACK, RELAY, REGISTRAR = (local(name) for name in ("pack", "unpack", "relay", "registrar"))
SCRIPT, SCRIPT_2, GONE, NAME, FAR = (local(name) for name in ("script", "script-2", "gone", "name", "far"))
WAY, HUB = (HOP, INBOX), tcp("hub:1")
ALIASES = tuple(local(name) for name in ("a", "b", "c", "d"))
DIRECTORY: Mapping[Address, Route] = {NAME: (INBOX,), FAR: (HUB,), local("secret"): (VAULT,)}


def registration(alias: Address, token: int) -> bytes:
    return bytes((len(alias.value),)) + alias.value + bytes((token,)) * 16


class Op(NamedTuple):
    """One operation of a handler on its context."""

    name: str
    given: tuple[Any, ...] = ()


SCRIPTS: tuple[tuple[Op, ...], ...] = (
    (),
    (Op("send", (WAY, b"said")),),
    (Op("send", (WAY, b"said", (ECHO, INBOX))),),
    (Op("send", ((ECHO,), b"said")), Op("reply", (b"",))),
    (Op("send", ((HUB, INBOX), b"said", ())), Op("send", ((VAULT,), b"said"))),
    (Op("send", ((RELAY, ALIASES[0], INBOX), b"said")), Op("send", ((TO_VAULT,), b"said"))),
    (Op("send", ((PROXY, NAME), b"said")), Op("send", ((FINDER, FAR, INBOX), b"said"))),
    (Op("reply", (b"answer",)), Op("reply", (b"another",))),
    (Op("forward", (WAY,)),),
    (Op("forward", ((VAULT,),)), Op("forward", ((HUB, INBOX),))),
    (Op("forward", ((INBOX,) * 129,)), Op("forward", ((INBOX,) * 128,))),
    (Op("bury", ("a reason", "a detail")), Op("send", (WAY, b"said"))),
    (Op("bury", ("another reason",)),),
    (Op("send", (WAY, b"said")), Op("bury", ("a reason", "lost")), Op("set", ("1", 2.0)), Op("raise")),
    (Op("raise"),),
    (Op("set", ("1", 2.0)), Op("set", ("7", 3.0)), Op("cancel", ("2",))),
    (Op("set", ("2", 1.0)), Op("cancel", ("1",))),
    (Op("set", ("13", 1.0)), Op("set", ("11", 0.5)), Op("set", ("8", 0.5))),
    (Op("send", ((INBOX,), bytes(model.PAYLOAD))), Op("forward", ((PACK,),))),
)


RAISES = next(number for number, ops in enumerate(SCRIPTS) if ops == (Op("raise"),))


def script(which: int) -> bytes:
    return b"do%d" % (which % len(SCRIPTS))


def ops_of(payload: bytes) -> tuple[Op, ...]:
    number = payload.removeprefix(b"do")
    return SCRIPTS[int(number)] if payload.startswith(b"do") and number.isdigit() else ()


class Scripted:
    """The real handler of a script."""

    def __call__(self, message: Message, context: Context) -> None:
        self._perform(ops_of(message.payload), message, context)

    def on_timer(self, timer: Hashable, context: Context) -> None:
        self._perform(SCRIPTS[int(str(timer))], Message((), (), b""), context)

    def _perform(self, ops: Sequence[Op], message: Message, context: Context) -> None:
        order: Mapping[str, Callable[..., None]] = {
            "send": context.send, "reply": context.reply, "bury": context.dead_letter,
            "set": context.set_timer, "cancel": context.cancel_timer,
            "forward": lambda onward: context.forward(replace(message, onward_route=onward)),
        }  # fmt: skip
        for op in ops:
            if op.name == "raise":
                raise ValueError("by order of the test")
            order[op.name](*op.given)


def as_scripted(node: ModelNode, hand: Hand, message: Message) -> None:
    _perform_model(node, hand, ops_of(message.payload))


def timer_as_scripted(node: ModelNode, hand: Hand, timer: object) -> None:
    _perform_model(node, hand, SCRIPTS[int(str(timer))])


def _perform_model(node: ModelNode, hand: Hand, ops: Sequence[Op]) -> None:
    message = hand.mail.message
    for name, given in ops:
        match name, given:
            case "raise", _:
                raise model.Raised
            case "forward", (onward,):
                node.forward(hand, replace(message, onward_route=onward))
            case "bury", (reason, *detail):
                node.dead_letter(hand, reason, detail[0] if detail else "")
            case "send", _:
                node.send(hand, *given)
            case "reply", (payload,):
                node.reply(hand, payload)
            case "set", (timer, seconds):
                node.set_timer(hand, timer, seconds)
            case "cancel", (timer,):
                node.cancel_timer(hand, timer)


def keep(node: ModelNode, hand: Hand, message: Message) -> None:
    assert hand.reached is not None
    node.happened.given.append((hand.addresses[0], hand.reached, message))


REGISTRATION = registration(local("me"), 7)


class Kind(NamedTuple):
    """A worker: the makers of the real handler and of the model's, and its access."""

    make: Callable[[], Handler]
    handler: model.Handler
    on_timer: Callable[[ModelNode, Hand, object], None] | None = None
    private: bool = False


_REGISTRAR = model.registrar((HOP, RELAY), REGISTRATION)
WORKERS: Mapping[tuple[Address, ...], Kind] = MappingProxyType({
    (ECHO,): Kind(lambda: echo, model.echo), (HOP,): Kind(lambda: hop, model.hop),
    (TO_INBOX,): Kind(lambda: static_forwarder(WAY), model.along(WAY)),
    (TO_VAULT,): Kind(lambda: static_forwarder((VAULT,)), model.along((VAULT,))),
    (FINDER,): Kind(lambda: discovery(DIRECTORY, proxy=False), model.finder(dict(DIRECTORY), proxy=False)),
    (PROXY,): Kind(lambda: discovery(DIRECTORY, proxy=True), model.finder(dict(DIRECTORY), proxy=True)),
    (PACK,): Kind(lambda: metadata_forwarder((HOP, UNPACK)), model.packer((HOP, UNPACK))),
    (UNPACK,): Kind(lambda: metadata_receiver, model.unpack),
    (RELAY,): Kind(lambda: Relay(model.ALIASES, model.ALIASES_OF_ONE, model.LEASE), model.relay, model.lease_over),
    (REGISTRAR,): Kind(lambda: Registrar((HOP, RELAY), "me", bytes((7,)) * 16), *_REGISTRAR),
    (SCRIPT, SCRIPT_2): Kind(Scripted, as_scripted, timer_as_scripted),
})  # fmt: skip

SIGNALS: tuple[bytes, ...] = (
    b"\x04", b"\x06x", GENERATION.encode(Keepalive()), GENERATION.encode(KeepaliveAnswer()),
    GENERATION.encode(Error("x")), GENERATION.encode(Hello(bytes(16), Generation(1, Role.INITIATOR, INBOX))),
    GENERATION.encode(Hello(bytes(16), Generation(1, Role.INITIATOR, INBOX)))[:-1], b"\x01echo", b"\x01",
    GENERATION.encode(Hello(bytes(16), Generation(1, Role.INITIATOR, INBOX), (INBOX,) * 9)),
    GENERATION.encode(GoingAway("x")), GENERATION.encode(Superseded(bytes(16), 1, INBOX)), b"\x09",
)  # fmt: skip
NOBODY: tuple[Route, ...] = ((GONE,), (local("unknown"),), (VAULT,), (local(b"u" * MAX_ADDRESS_BYTES),))
PAYLOADS: tuple[bytes, ...] = (
    b"", b"plain", *map(script, range(len(SCRIPTS))), *map(script, range(13, 18)),
    *(registration(alias, token) for alias in ALIASES for token in (0, 1)), REGISTRATION, REGISTRATION[:-16],
    registration(local("a"), 0)[:-1], registration(local(b"\xff"), 0), b"\x05" + bytes(16),
    *SIGNALS,
    encode_message(Message((VAULT,), (INBOX,), b"packed")), encode_message(Message(WAY, (ECHO,), b"packed", "trace")),
    bytes(model.PAYLOAD), bytes(model.PAYLOAD + 1), bytes(model.PAYLOAD - 20),
)  # fmt: skip
PARTS: tuple[Route, ...] = (
    (), (ECHO,), (HOP,), (INBOX,), (VAULT,), (TO_INBOX,), (TO_VAULT,), (FINDER,), (PROXY,), (PACK,), (UNPACK,),
    (RELAY,), (REGISTRAR,), (SCRIPT,), (SCRIPT_2,), (SCRIPT,), (GONE,), (local("unknown"),), (Address(2, b"x"),),
    (FINDER, NAME), (PROXY, NAME), (PROXY, FAR), (PROXY, local("secret")), (PROXY, local("nobody")), (FINDER, FAR),
    (RELAY,), (SCRIPT,), (HOP,) * 9, (HOP,) * 117, (INBOX,) * 121,
    *((RELAY, alias) for alias in (*ALIASES, local("me"))),
    *((tcp(name),) for name in model.PLACES), (local(b"u" * MAX_ADDRESS_BYTES),), (RELAY,), (SCRIPT_2,),
)  # fmt: skip
"""Parts of onward routes: a route has two of them."""
BACKS: tuple[Route, ...] = (
    (), (INBOX,), (HOP, INBOX), (local("peer-worker"),), (HUB, INBOX), (TO_INBOX,), (INBOX,) * 117, (INBOX,) * 120,
)  # fmt: skip
WORDS: tuple[tuple[str, ...], ...] = (
    ("any",), ("none",), ("peer",), ("hub:1",), ("peer", "HUB.:1"), ("[::ffff:10.0.0.1]:05", "hub:1"),
)  # fmt: skip
HOSTS, TIMES = ("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1"), (1, 1, 1, 1, 2, 40)
SAME_HOST = {"::ffff:10.0.0.1": "10.0.0.1"}
ADDRESSES = {address for addresses in WORKERS for address in addresses}

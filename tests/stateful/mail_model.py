"""A model of routing in a node, written from README, clauses and docstrings, without the node's code.

A model node has workers by address, connections by name, and one queue. `deliver` computes the messages of each worker,
the messages that leave, and the dead letters. The machine of mail.py compares the real node with it.

Rule 1: a message that a worker forwards is from outside if it was before; one that it sends by itself never is.
Rule 2: the orders of a handler are carried out when it has returned, in order; none of them if it raises.
Rule 3: equal destinations and equal hosts are listed in tables (`PLACES`): nothing is computed.
Left out: sessions, and interleavings of two origins (whole_node.py).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Address, Message, Route, local
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.signals import Error, Hello

LONGEST, LONGEST_AT_THE_GATE, PAYLOAD = 128, 120, 20_000
"""The most addresses of a route after its growth, and at its entry; the most bytes of a payload."""

RESTARTS, ALIASES, ALIASES_OF_ONE, LEASE, REFRESH, ERRORS, PLACES_OF_ONE = 2, 3, 2, 60.0, 5.0, 100, 2

PLACES = {
    "10.0.0.1:5": ("10.0.0.1:5", "10.0.0.1"), "[::ffff:10.0.0.1]:05": ("10.0.0.1:5", "10.0.0.1"),
    "10.0.0.2:5": ("10.0.0.2:5", "10.0.0.2"), "hub:1": ("hub:1", "hub"), "HUB.:1": ("hub:1", "hub"),
    "[2001:DB8::0]:7": ("[2001:db8::]:7", "2001:db8::"),
}  # fmt: skip
"""The spelling of a destination -> its canonical name, and its host."""

Who = str | Address
"""The name of an origin: a connection, or the application."""
APPLICATION = "application"


@dataclass
class Mail:
    """A message in the node; `outside`: the connection that has brought it, or None."""

    message: Message
    outside: Address | None


@dataclass
class Happened:
    """The results of an input, in order at each place."""

    given: list[tuple[Address, Address, Message]] = field(default_factory=list)
    """(worker, the address that it was reached at, message)."""
    left: dict[Who, list[Message]] = field(default_factory=dict)
    """By connection, or by the name of a destination."""
    letters: list[tuple[str, object, Address | None]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """The details of the letters that a handler of the application has written."""
    changes: list[tuple[Address, str, str]] = field(default_factory=list)
    stopped: list[Address] = field(default_factory=list)


class TooMuch(Exception):
    """The input causes more deliveries than a test follows."""


Handler = Callable[["ModelNode", "Hand", Message], None]


@dataclass
class Hand:
    """A worker of the model, and the orders of its handler while it runs."""

    addresses: tuple[Address, ...]
    handler: Handler
    on_timer: Callable[[ModelNode, Hand, object], None] | None = None
    private: bool = False
    state: str = "RUNNING"
    failures: int = 0
    reached: Address | None = None
    mail: Mail = field(default_factory=lambda: Mail(Message((), (), b""), None))
    asked: list[Callable[[], None]] = field(default_factory=list)


class Raised(Exception):
    """The handler of the model raises."""


class ModelNode:
    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.workers: dict[Address, Hand] = {}
        self.hosts: dict[Address, str] = {}
        """Connections of peers, and their hosts."""
        self.opened: dict[str, Who] = {}
        """Destinations with a connection, and the origin for which it was opened."""
        self.vanished: set[Address] = set()
        self.said: Counter[str] = Counter()
        self.timers: dict[tuple[Address, object], float | None] = {}
        """Timers of workers; None where the time is random."""
        self.queue: deque[Mail] = deque()
        self.origin: Who = APPLICATION
        self.happened = Happened()
        self.aliases: dict[Address, tuple[bytes, Route]] = {}
        self.confirmed = 0
        self.budget = 0

    # Inputs -----------------------------------------------------------------------------------------------------------

    def arrives(self, message: Message, via: Address) -> None:
        """A peer sends. Its connection is prepended to the return route; a message without reserve is a dead letter."""
        arrived = replace(message, return_route=(via, *message.return_route))
        if reason := self.too_large(message, LONGEST_AT_THE_GATE):
            self.bury(reason, arrived, via)
        else:
            self.queue.append(Mail(arrived, via))
        self.origin = via

    def sent(self, message: Message) -> None:
        self.queue.append(Mail(message, None))
        self.origin = APPLICATION

    def fire(self, worker: Address, timer: object) -> None:
        del self.timers[worker, timer]
        hand = self.workers.get(worker)
        self.origin = APPLICATION
        if hand is None:
            return
        if timer == "RESTART_DUE":
            self.timers[worker, "QUIET_LONG_ENOUGH"] = None
            self.becomes(hand, "RUNNING")
        elif timer == "QUIET_LONG_ENOUGH":
            hand.failures = 0
        else:
            assert hand.on_timer is not None
            hand.reached, hand.mail = hand.addresses[0], Mail(Message((), (), b""), None)
            on_timer = hand.on_timer
            self.call(hand, lambda: on_timer(self, hand, timer), timer)

    def stop(self, hand: Hand) -> None:
        self.silence(hand)
        self.becomes(hand, "STOPPED")
        for address in hand.addresses:
            del self.workers[address]
        self.happened.stopped.append(hand.addresses[0])

    # On the way -------------------------------------------------------------------------------------------------------

    def run(self, most: int) -> None:
        self.budget = most
        while self.queue:
            self.budget -= 1
            if self.budget < 0:
                raise TooMuch
            self.deliver(self.queue.popleft())

    def deliver(self, mail: Mail) -> None:
        message = mail.message
        if not message.onward_route:
            self.bury("empty onward route", message)
            return
        first = message.onward_route[0]
        if first.type == TCP:
            self.leaves_for(first, mail)
        elif first in self.hosts:
            self.leaves(first, message)
        elif (hand := self.workers.get(first)) is None or (hand.private and mail.outside):
            local_address = "unknown address" if hand is None else "private address"
            self.bury(local_address if first.type == LOCAL else "no transport for this address type", message)
            self.say_unknown(mail)
        elif hand.state == "RESTARTING":
            self.bury("the worker waits for its restart", message, hand.addresses[0])
        else:
            hand.reached, hand.mail = first, mail
            self.call(hand, lambda: hand.handler(self, hand, message), message)

    def leaves(self, where: Who, message: Message) -> None:
        rest = replace(message, onward_route=message.onward_route[1:])
        self.happened.left.setdefault(where, []).append(rest)

    def leaves_for(self, destination: Address, mail: Mail) -> None:
        name, host = PLACES[destination.value.decode()]
        if mail.outside and not self.allows(mail.outside, name, host):
            self.bury("forwarding is not allowed", mail.message)
            return
        if name not in self.opened:
            if self.origin != APPLICATION and list(self.opened.values()).count(self.origin) >= PLACES_OF_ONE:
                self.bury("too many destinations", mail.message)
                return
            self.opened[name] = self.origin
        self.leaves(name, mail.message)

    def allows(self, via: Address, name: str, host: str) -> bool:
        """Whether the policy allows a destination to the peer of this connection."""
        spelled = (word for word in self.words if word in PLACES)
        named = any(PLACES[word][0] == name for word in spelled)
        return "any" in self.words or named or ("peer" in self.words and self.hosts[via] == host)

    def say_unknown(self, mail: Mail) -> None:
        """Clause 14.4: an error for a session's message to an ended address, and for a hello to an unknown one."""
        message, back = mail.message, mail.message.return_route
        first, tag = message.onward_route[0], message.payload[:1]
        if not back or first.type != LOCAL:
            return
        if first in self.vanished and tag in (b"\x04", b"\x05", b"\x06"):
            self.say(Message(back, (), GENERATION.encode(Error("unknown address"))), "talk")
        elif (not mail.outside or self.leads_out(back)) and is_hello(message.payload):
            text = f"no such worker: {first}"[: len(message.payload) - 2]
            self.say(Message(back, (first,), GENERATION.encode(Error(text))), "hello")

    def say(self, error: Message, kind: str) -> None:
        if self.said[kind] < ERRORS:
            self.said[kind] += 1
            self.queue.append(Mail(error, None))

    # What a handler may do --------------------------------------------------------------------------------------------

    def call(self, hand: Hand, act: Callable[[], None], lost: object) -> None:
        hand.asked = []
        try:
            act()
        except Raised:
            self.bury("handler raised", lost, hand.addresses[0])
            self.silence(hand)
            hand.failures += 1
            if hand.failures > RESTARTS:
                self.stop(hand)
            else:
                self.timers[hand.addresses[0], "RESTART_DUE"] = None
                self.becomes(hand, "RESTARTING")
        else:
            for one in hand.asked:
                one()

    def send(self, hand: Hand, onward: Route, payload: bytes, back: Route | None = None) -> None:
        assert hand.reached is not None
        message = Message(onward, (hand.reached,) if back is None else back, payload)
        hand.asked.append(lambda: self.queue.append(Mail(message, None)))

    def reply(self, hand: Hand, payload: bytes) -> None:
        self.send(hand, hand.mail.message.return_route, payload)

    def forward(self, hand: Hand, message: Message) -> None:
        outside = hand.mail.outside
        if reason := self.too_large(message, LONGEST):
            self.dead_letter(hand, reason)
        else:
            hand.asked.append(lambda: self.queue.append(Mail(message, outside)))

    def dead_letter(self, hand: Hand, reason: str, detail: str | None = None) -> None:
        message = hand.mail.message
        hand.asked.append(lambda: self.bury(reason, message, hand.addresses[0], detail))

    def set_timer(self, hand: Hand, timer: object, seconds: float) -> None:
        hand.asked.append(lambda: self.timers.__setitem__((hand.addresses[0], timer), seconds))

    def cancel_timer(self, hand: Hand, timer: object) -> None:
        def cancel() -> None:
            self.timers.pop((hand.addresses[0], timer), None)

        hand.asked.append(cancel)

    # Within -----------------------------------------------------------------------------------------------------------

    def too_large(self, message: Message, longest: int) -> str:
        if len(message.onward_route) > longest or len(message.return_route) > longest:
            return "route too long"
        return "payload too large" if len(message.payload) > PAYLOAD else ""

    def bury(self, reason: str, message: object, worker: Address | None = None, detail: str | None = None) -> None:
        self.happened.letters.append((reason, message, worker))
        self.happened.details += [] if detail is None else [detail]

    def becomes(self, hand: Hand, state: str) -> None:
        self.happened.changes.append((hand.addresses[0], hand.state, state))
        hand.state = state

    def silence(self, hand: Hand) -> None:
        """Stop all timers of a worker."""
        self.timers = {(worker, timer): s for (worker, timer), s in self.timers.items() if worker != hand.addresses[0]}

    def leads_out(self, back: Route) -> bool:
        """Whether a return route continues after its first connection."""
        found = [place for place, address in enumerate(back) if address.type == TCP or address in self.hosts]
        return bool(found) and found[0] < len(back) - 1

    def reaches(self, route: Route) -> bool:
        return bool(route) and (route[0] in self.workers or route[0] in self.hosts)


def is_hello(payload: bytes) -> bool:
    try:
        return isinstance(GENERATION.decode(payload, Place.WORKER, ()), Hello)
    except RemoteSessionError:
        return False


# Workers of every node ------------------------------------------------------------------------------------------------


def echo(node: ModelNode, hand: Hand, message: Message) -> None:
    node.reply(hand, message.payload)


def hop(node: ModelNode, hand: Hand, message: Message) -> None:
    first, *rest = message.onward_route
    node.forward(hand, replace(message, onward_route=tuple(rest), return_route=(first, *message.return_route)))


def along(route: Route) -> Handler:
    def forward(node: ModelNode, hand: Hand, message: Message) -> None:
        node.forward(hand, replace(message, onward_route=route + message.onward_route[1:]))

    return forward


def finder(directory: dict[Address, Route], *, proxy: bool) -> Handler:
    """Look up a name. A proxy is on the return route, and forwards messages without a known name, which are replies."""

    def find(node: ModelNode, hand: Hand, message: Message) -> None:
        own, *rest = message.onward_route
        back = (own, *message.return_route) if proxy else message.return_route
        if rest and rest[0] in directory:
            node.forward(hand, replace(message, onward_route=directory[rest[0]] + tuple(rest[1:]), return_route=back))
        elif rest and proxy:
            hop(node, hand, message)
        else:
            node.dead_letter(hand, "unknown name")

    return find


def packer(route: Route) -> Handler:
    def pack(node: ModelNode, hand: Hand, message: Message) -> None:
        whole = encode_message(replace(message, onward_route=message.onward_route[1:]))
        node.forward(hand, Message(route, (), whole, message.tracing_context))

    return pack


def unpack(node: ModelNode, hand: Hand, message: Message) -> None:
    try:
        whole = decode_message(message.payload)
    except RemoteSessionError as error:
        node.dead_letter(hand, error.reason)
    else:
        node.forward(hand, replace(whole, return_route=message.return_route + whole.return_route))


def relay(node: ModelNode, hand: Hand, message: Message) -> None:
    """Forward a message for an alias along the registered route, if its connection is still open."""
    if len(message.onward_route) == 1:
        _register(node, hand, message)
        return
    _, alias, *rest = message.onward_route
    if alias in node.aliases and not node.reaches(node.aliases[alias][1]):
        del node.aliases[alias]
    if alias in node.aliases:
        node.forward(hand, replace(message, onward_route=(*node.aliases[alias][1], *rest)))
    else:
        node.dead_letter(hand, "alias not registered")


def _register(node: ModelNode, hand: Hand, message: Message) -> None:
    size, name, token = message.payload[:1], message.payload[1:-16], message.payload[-16:]
    if len(message.payload) < 17 or list(size) != [len(name)] or b"\xff" in name:
        node.dead_letter(hand, "malformed")
        return
    alias, way = local(name), message.return_route
    if alias in node.aliases and node.aliases[alias][0] != token:
        node.dead_letter(hand, "alias taken")
        return
    if alias not in node.aliases:
        same = sum(route[:1] == way[:1] for _, route in node.aliases.values())
        if same < ALIASES_OF_ONE and len(node.aliases) >= ALIASES:
            node.aliases = {name: found for name, found in node.aliases.items() if node.reaches(found[1])}
        if same >= ALIASES_OF_ONE or len(node.aliases) >= ALIASES:
            node.dead_letter(hand, "no room for another alias")
            return
    node.aliases[alias] = token, way[:-1]
    node.set_timer(hand, alias, LEASE)
    node.reply(hand, size + name)


def lease_over(node: ModelNode, hand: Hand, alias: object) -> None:
    node.aliases.pop(alias, None)  # type: ignore[call-overload]


def registrar(way: Route, payload: bytes) -> tuple[Handler, Callable[[ModelNode, Hand, object], None]]:
    """Register at a message of the own node, and again at the timer; the returned alias confirms it."""

    def register(node: ModelNode, hand: Hand, cause: object) -> None:
        node.send(hand, way, payload)
        node.set_timer(hand, "refresh", REFRESH)

    def handle(node: ModelNode, hand: Hand, message: Message) -> None:
        if message.payload == payload[:-16]:
            node.confirmed += 1
        elif hand.mail.outside is None:
            register(node, hand, None)
        else:
            node.dead_letter(hand, "not a confirmation")

    return handle, register

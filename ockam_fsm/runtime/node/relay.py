"""A relay: two ends that cannot reach each other register at a node that both can reach.

    registration   onward [relay], payload BARE {alias: string, token: data[16]}; confirmed with BARE string alias
    message        onward [relay, alias, ...]: forwarded to where `alias` registered, and from there along the rest

Rule 1: the registered route is the return route of the registration without its last address. It leads over the
        connection of the registration. An end registers again when this connection is lost, and every
        `refresh_seconds`.
Rule 2: an alias is taken over with its token only. The number of aliases is limited, in all and for each peer.
Rule 3: a registration is a lease: it ends when it is not renewed in `lease_seconds`, or when its connection is lost.
A session between the ends is two-sided: either may lose its route, register again and renegotiate (tests/runtime).
Source: the discussion, comment on sessions renegotiated from both sides; Ockam's remote forwarder, which also registers
again at a fixed interval.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from ockam_fsm.kernel.arguments import check_count, check_seconds, check_type
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import MAX_ADDRESS_BYTES
from ockam_fsm.runtime.encoding.gate import check_route
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.workers import Context

TOKEN_BYTES = 16
NOT_REGISTERED = "alias not registered"
ALIAS_TAKEN = "alias taken"
TOO_MANY_ALIASES = "no room for another alias"


class Relay:
    """The handler of a relay. `capacity`: aliases in all; `for_each_peer`: aliases of one connection.

    Raises:
        LocalSessionError: an argument is of the wrong type.
    """

    def __init__(self, capacity: int = 1000, for_each_peer: int = 64, lease_seconds: float = 60.0) -> None:
        check_count("capacity", capacity)
        check_count("for_each_peer", for_each_peer)
        check_seconds("lease_seconds", lease_seconds)
        self.capacity = capacity
        self.for_each_peer = for_each_peer
        self.lease_seconds = lease_seconds
        self.routes: dict[Address, Route] = {}
        self.tokens: dict[Address, bytes] = {}

    def __call__(self, message: Message, context: Context) -> None:
        if len(message.onward_route) == 1:
            self._register(message, context)
            return
        alias = message.onward_route[1]
        route = self.routes.get(alias)
        if route is not None and not context.reaches(route):
            self._end(alias)
            route = None
        if route is None:
            context.dead_letter(NOT_REGISTERED, str(alias))
        else:
            context.forward(replace(message, onward_route=(*route, *message.onward_route[2:])))

    def on_timer(self, timer: Hashable, context: Context) -> None:
        """End a lease that was not renewed in time."""
        assert isinstance(timer, Address)
        self._end(timer)

    def _end(self, alias: Address) -> None:
        self.routes.pop(alias, None)
        self.tokens.pop(alias, None)

    def _register(self, message: Message, context: Context) -> None:
        try:
            alias, token = _read(message.payload)
        except RemoteSessionError as error:
            context.dead_letter(error.reason, error.detail)
            return
        if self.tokens.get(alias, token) != token:
            context.dead_letter(ALIAS_TAKEN, str(alias))
        elif alias not in self.tokens and not self._has_room(message.return_route, context):
            context.dead_letter(TOO_MANY_ALIASES, str(alias))
        else:
            self.tokens[alias] = token
            self.routes[alias] = message.return_route[:-1]
            context.set_timer(alias, self.lease_seconds)
            context.reply(bare.string(alias.value.decode()))

    def _has_room(self, back: Route, context: Context) -> bool:
        """Whether the peer at the end of this route may have another alias."""
        if sum(1 for route in self.routes.values() if route[:1] == back[:1]) >= self.for_each_peer:
            return False
        if len(self.tokens) >= self.capacity:
            for alias in [alias for alias, route in self.routes.items() if not context.reaches(route)]:
                self._end(alias)
        return len(self.tokens) < self.capacity


class Registrar:
    """The handler of an end of a relay: it registers at its start (`start`), and again every `refresh_seconds`.

    Raises:
        LocalSessionError: an argument is of the wrong type, or the token has another size than `TOKEN_BYTES`.
    """

    def __init__(self, relay: Route, alias: str, token: bytes, refresh_seconds: float = 5.0) -> None:
        check_type("alias", alias, str)
        check_type("token", token, bytes)
        check_seconds("refresh_seconds", refresh_seconds)
        self.relay = check_route("relay", relay)
        self.payload = bare.string(alias) + bare.fixed(token, TOKEN_BYTES)
        self.confirmation = bare.string(alias)
        self.refresh_seconds = refresh_seconds
        self.confirmed = 0

    def __call__(self, message: Message, context: Context) -> None:
        if message.payload == self.confirmation:
            self.confirmed += 1
        elif context.envelope.arrived is None:
            self._register(context)
        else:
            context.dead_letter("not a confirmation")

    def on_timer(self, timer: Hashable, context: Context) -> None:
        self._register(context)

    def _register(self, context: Context) -> None:
        context.send(self.relay, self.payload)
        context.set_timer("refresh", self.refresh_seconds)


def start(registrar: Address) -> Message:
    """Return the message that starts a registrar, from its own node: `node.route(start(address))`."""
    return Message((registrar,), (), b"")


def _read(payload: bytes) -> tuple[Address, bytes]:
    reader = bare.Reader(payload)
    alias, token = local(reader.string(MAX_ADDRESS_BYTES)), reader.fixed(TOKEN_BYTES)
    reader.end()
    return alias, token

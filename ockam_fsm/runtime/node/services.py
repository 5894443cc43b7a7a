"""Handlers that forward messages: forwarders and discovery, for `Node.start_worker`.

Rule 1: they `forward`: a message from outside stays one, and reaches no private worker through them.
Rule 2: a message that they cannot forward is a dead letter with a reason, not a failure of the worker.
Rule 3: a worker that adds its own address to the return route forwards replies; the others are not on the return route.
Source: the discussion, "Session routes" and "implicit sessions ... endpoint discovery"; spec/sessions.md section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.gate import check_route
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.workers import Context, Handler, hop

UNKNOWN_NAME = "unknown name"


def static_forwarder(route: Route) -> Handler:
    """Return a handler that forwards every message along `route`, and adds no address to the return route."""

    check_route("route", route)

    def forward(message: Message, context: Context) -> None:
        _forward_along(message, context, (*route, *message.onward_route[1:]), traced=False)

    return forward


def discovery(directory: Mapping[Address, Route], *, proxy: bool) -> Handler:
    """Return a handler that looks up the second address of the onward route in `directory`, and forwards there.

    A proxy adds its address to the return route, and forwards replies. Otherwise the peer's answer, and all later
    messages, bypass it. The handler also finds entries that are added to `directory` later.
    """

    check_type("directory", directory, Mapping)
    check_type("proxy", proxy, bool)

    def discover(message: Message, context: Context) -> None:
        name = message.onward_route[1] if len(message.onward_route) > 1 else None
        if name is not None and name in directory:
            _forward_along(message, context, (*directory[name], *message.onward_route[2:]), traced=proxy)
        elif proxy and name is not None:
            hop(message, context)
        else:
            context.dead_letter(UNKNOWN_NAME, str(name))

    return discover


def metadata_forwarder(route: Route) -> Handler:
    """Return a handler that forwards whole messages, each as the payload of another message along `route`.

    So routes and tracing context are kept even by a carrier of payloads only (a stream). `metadata_receiver` unpacks.
    """

    def pack(message: Message, context: Context) -> None:
        whole = encode_message(replace(message, onward_route=message.onward_route[1:]))  # the gate has left room
        context.forward(Message(route, (), whole, message.tracing_context))

    return pack


def metadata_receiver(message: Message, context: Context) -> None:
    """Unpack and forward a message of `metadata_forwarder`. Its return route follows that of the outer message."""
    try:
        whole = decode_message(message.payload)
    except RemoteSessionError as error:
        context.dead_letter(error.reason, error.detail)
    else:
        context.forward(replace(whole, return_route=(*message.return_route, *whole.return_route)))


def _forward_along(message: Message, context: Context, onward_route: Route, *, traced: bool) -> None:
    own = (message.onward_route[0],) if traced else ()
    context.forward(replace(message, onward_route=onward_route, return_route=(*own, *message.return_route)))

"""Routes as text: `tcp://127.0.0.1:4000/echo`.

    route   step { "/" step }
    step    "tcp://" HOST ":" PORT      a node, over TCP; an IPv6 address stands in brackets
            NAME                        a local worker of the node that the steps before it lead to
            TYPE "#" VALUE              any address, as messages and logs print it
`%2F` and `%23` stand for `/` and `#` within a name.

Rule 1: `parse_route(format_route(route)) == route` for every route with at least one step.
Rule 2: an invalid text raises a `LocalSessionError` with an example.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from ockam_fsm.kernel.arguments import check_type, encode_utf8
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Address, Route

EXAMPLE = "tcp://127.0.0.1:4000/echo"
_SCHEME = "tcp://"
MOST_DIGITS = 5
MOST_LABEL = 63


def tcp(host_and_port: str) -> Address:
    """Return the address of a node, given as `127.0.0.1:4000`, `[::1]:4000` or `hub.example:4000`."""
    split_host(host_and_port)
    return Address(TCP, host_and_port.encode())


def split_host(host_and_port: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, without the brackets of an IPv6 address.

    Raises:
        LocalSessionError: the text has another form.
    """
    check_type("HOST:PORT", host_and_port, str)
    host, colon, port = host_and_port.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    labels = host.rstrip(".").split(".")  # empty or longer ones raise UnicodeError in the system's resolver
    readable = host.isprintable() and " " not in host and all(0 < len(label) <= MOST_LABEL for label in labels)
    right = bool(colon) and (bracketed or ":" not in host) and readable
    if not right or not (port.isascii() and port.isdigit()) or len(port) > MOST_DIGITS or int(port) > 0xFFFF:
        raise LocalSessionError(f"{host_and_port!r} is not HOST:PORT; write 127.0.0.1:4000, [::1]:4000 or name:4000")
    return host, int(port)


def join_host(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_route(text: str) -> Route:
    """Return the route of a text. Raises LocalSessionError if it is not a route."""
    check_type("route", text, str)
    encode_utf8(text)
    route: list[Address] = []
    rest = text
    while rest:
        start = len(_SCHEME) if rest.startswith(_SCHEME) else 0
        step, _, rest = rest[start:].partition("/")
        if not step:
            break
        route.append(tcp(step) if start else _step(step))
    else:
        if route and not text.endswith("/"):
            return tuple(route)
    raise LocalSessionError(f"{text!r} is not a route: it has an empty step; a route looks like {EXAMPLE}")


def format_route(route: Route) -> str:
    return "/".join(_format(address) for address in route)


def _step(step: str) -> Address:
    kind, sharp, value = step.partition("#")
    if not sharp:
        return Address(LOCAL, unquote_to_bytes(step))
    if not (kind.isascii() and kind.isdigit()) or len(kind) > MOST_DIGITS or int(kind) > 0xFF:
        raise LocalSessionError(f"{step!r} is not an address: write TYPE#VALUE with a type of 0 to 255, or %23 for a #")
    return Address(int(kind), unquote_to_bytes(value))


def _format(address: Address) -> str:
    if address.type == TCP:
        try:
            return _SCHEME + join_host(*split_host(address.value.decode()))
        except (LocalSessionError, UnicodeDecodeError):
            pass
    value = quote(address.value, safe=":[]@")
    return value if address.type == LOCAL and value else f"{address.type}#{value}"

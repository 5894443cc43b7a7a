"""The profiles `ockam` and `generation`: encodings of the signals of `signals.py` in the payload of a message.

`ockam` is the protocol of real Ockam nodes. The address that a message reaches determines its signal:

    place               signal   payload
    NEGOTIATION_START   Hello    BARE string: value of the starter's worker address
    HANDSHAKE           Answer   BARE string: value of the answerer's worker address
    WORKER              Data     the payload itself, nothing around it

It has nothing else: no generation, no session id, no `resumed` (each answer comes from a new responder), no close.
These are omitted when a signal is encoded, since the peer assumes their default. Routes of a Data, or the
initialization route of a two-sided session, would be lost, and are refused: in this profile routes travel in the
Message, whose onward route is the messaging route followed by Data's.

`generation` is specific to this project: one tag byte (a BARE union tag), then BARE fields. It encodes every signal
and means the same at every address; the session judges whether a signal is acceptable there.

    tag  signal            fields
    01   Hello             session_id, generation, initialization_route: route
    02   Answer            session_id, generation, worker: address, resumed: bool
    03   Superseded        session_id, number: uint, address
    04   Keepalive         -
    05   KeepaliveAnswer   -
    06   Data              onward_route: route, return_route: route, payload: data
    07   GoingAway         reason: string
    08   Error             reason: string
    09   Close             session_id, number: uint, address, reason: string

    session_id   data[16]
    address      type: u8, value: data of at most `MAX_ADDRESS_BYTES`
    route        list of at most `MAX_ROUTE_LENGTH` addresses
    generation   number: uint, starter: enum (0 responder, 1 initiator), address
    reason       at most `MAX_REASON_BYTES` in UTF-8

Rule 1: decode(encode(x)) == x, and in both profiles encode(decode(b)) == b for every b that is accepted.
Rule 2: decode returns a signal or raises `RemoteSessionError`; encode raises `LocalSessionError` for whatever the
        peer's decode would refuse.

Source: `spec/sessions.md` section 4 (generations); for `ockam` captured bytes and clause 14.2.
Left out: a version field. A new signal gets a new tag, and an old node refuses an unknown tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import KEPT_ADDRESSES, MAX_ADDRESS_BYTES, MAX_ROUTE_LENGTH, check_route
from ockam_fsm.runtime.encoding.message import LOCAL, Address, Route, local
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)

SESSION_ID_BYTES = 16
MAX_REASON_BYTES = 1024

NO_RETURN_ROUTE = "no-return-route"
FOREIGN_WORKER = "foreign-worker"


class Place(Enum):
    """The kind of address that a message reached."""

    NEGOTIATION_START = "negotiation start"
    """The address of a spawner or of a static responder."""
    HANDSHAKE = "handshake"
    """The handshake address of one attempt to negotiate."""
    WORKER = "worker"
    """An inner address."""


@runtime_checkable
class Profile(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def keeps_alive(self) -> bool:
        """Whether the profile has keepalives."""
        ...

    @property
    def names_sessions(self) -> bool:
        """Whether session ids and generations are on the wire. Then a host finds the responder of a session, and
        undeliverable messages are answered with an error (clause 14.4)."""
        ...

    @property
    def carries_routes(self) -> bool:
        """Whether the routes of data are in its payload. A session then forwards: replies go back through it."""
        ...

    @property
    def answers_once(self) -> bool:
        """Whether an answer goes to a handshake address, which vanishes after one answer."""
        ...

    def protection(self, role: Role) -> Protection | None:
        """Return the protection of a new generation at an end of this role, or None."""
        ...

    def can_send(self, signal: Signal) -> bool:
        """Whether this signal can be sent; others are omitted."""
        ...

    def encode(self, signal: Signal) -> bytes:
        """Return the payload of `signal`, without protection."""
        ...

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        """Return the signal of a payload without protection."""
        ...


def worker_route(return_route: Route, worker: Address) -> Route:
    """Return the route to the worker that a handshake message names, its return route with the last address replaced.

    Raises:
        RemoteSessionError: there is no return route, or the worker is not local to its node.
    """
    if not return_route:
        raise RemoteSessionError(NO_RETURN_ROUTE, "a handshake message that cannot be answered")
    if worker.type != LOCAL:
        # Else a peer could make this node open connections to addresses of its choice.
        raise RemoteSessionError(FOREIGN_WORKER, f"a session worker is local to its node, {worker} is not")
    return (*return_route[:-1], worker)


class OckamProfile:
    name = "ockam"
    keeps_alive = names_sessions = carries_routes = False
    answers_once = True

    def __repr__(self) -> str:
        return "OCKAM"

    def __reduce__(self) -> str:
        return "OCKAM"  # a profile is a symbol: unpickled or copied it is the same object

    def protection(self, role: Role) -> None:
        """None: messages are not protected."""

    def can_send(self, signal: Signal) -> bool:
        return isinstance(signal, Hello | Answer | Data)

    def encode(self, signal: Signal) -> bytes:
        match signal:
            case Hello(generation=generation, initialization_route=()):
                return _ockam_worker(generation.address)
            case Answer(worker=worker):
                return _ockam_worker(worker)
            case Data(payload=payload, onward_route=(), return_route=()):
                return payload
        if self.can_send(signal):
            raise LocalSessionError("profile ockam writes no routes in a payload: put them in the Message")
        raise LocalSessionError(f"profile ockam has no {type(signal).__name__}")

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        if place is Place.WORKER:
            return Data(payload)
        reader = bare.Reader(payload)
        worker = local(reader.string(MAX_ADDRESS_BYTES))
        reader.end()
        worker_route(return_route, worker)  # refused here, before it reaches a session
        if place is Place.HANDSHAKE:
            return Answer(session_id=b"", generation=None, worker=worker, resumed=False)
        return Hello(session_id=b"", generation=Generation(1, Role.INITIATOR, worker))


def _ockam_worker(worker: Address) -> bytes:
    check_route((worker,))
    if worker.type != LOCAL:
        raise LocalSessionError(f"profile ockam names local workers only, not {worker}")
    try:
        return bare.string(worker.value.decode())
    except UnicodeDecodeError:
        raise LocalSessionError(f"profile ockam names workers in UTF-8 only, not {worker.value!r}") from None


class GenerationProfile:
    name = "generation"
    keeps_alive = names_sessions = carries_routes = True
    answers_once = False

    def __repr__(self) -> str:
        return "GENERATION"

    def __reduce__(self) -> str:
        return "GENERATION"

    def protection(self, role: Role) -> None:
        """None: messages are not protected."""

    def can_send(self, signal: Signal) -> bool:
        return True

    def encode(self, signal: Signal) -> bytes:
        return _WRITE[type(signal)](signal)

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        reader = bare.Reader(payload)
        tag = reader.u8()
        if tag not in _READ:
            raise bare.malformed(f"{tag:#04x} is not the tag of a signal")
        signal = _READ[tag](reader)
        reader.end()
        return signal


def _session_id(session_id: bytes) -> bytes:
    return bare.fixed(session_id, SESSION_ID_BYTES)


def _generation(generation: Generation | None) -> bytes:
    if generation is None:
        raise LocalSessionError("an answer in profile generation needs the generation that it answers")
    return bare.uint(generation.number) + bare.uint(generation.starter) + _address(generation.address)


@lru_cache(maxsize=KEPT_ADDRESSES)
def _address(address: Address) -> bytes:
    check_route((address,))
    return bare.u8(address.type) + bare.data(address.value)


def _route(route: Route) -> bytes:
    return bare.sequence(route, _address, MAX_ROUTE_LENGTH)


def _reason(reason: str) -> bytes:
    return bare.string(reason, MAX_REASON_BYTES)


def _write_hello(hello: Hello) -> bytes:
    return b"\x01" + _session_id(hello.session_id) + _generation(hello.generation) + _route(hello.initialization_route)


def _write_answer(answer: Answer) -> bytes:
    body = _session_id(answer.session_id) + _generation(answer.generation) + _address(answer.worker)
    return b"\x02" + body + bare.boolean(answer.resumed)


def _write_superseded(superseded: Superseded) -> bytes:
    named = _session_id(superseded.session_id) + bare.uint(superseded.number)
    return b"\x03" + named + _address(superseded.address)


def _write_data(data: Data) -> bytes:
    return b"\x06" + _route(data.onward_route) + _route(data.return_route) + bare.data(data.payload)


def _write_close(close: Close) -> bytes:
    named = _session_id(close.session_id) + bare.uint(close.number)
    return b"\x09" + named + _address(close.address) + _reason(close.reason)


def _read_hello(reader: bare.Reader) -> Hello:
    return Hello(reader.fixed(SESSION_ID_BYTES), _read_generation(reader), _read_route(reader))


def _read_answer(reader: bare.Reader) -> Answer:
    return Answer(
        reader.fixed(SESSION_ID_BYTES), _read_generation(reader), worker=_read_address(reader), resumed=reader.boolean()
    )


def _read_superseded(reader: bare.Reader) -> Superseded:
    return Superseded(reader.fixed(SESSION_ID_BYTES), reader.uint(), _read_address(reader))


def _read_close(reader: bare.Reader) -> Close:
    named = reader.fixed(SESSION_ID_BYTES), reader.uint(), _read_address(reader)
    return Close(*named, reader.string(MAX_REASON_BYTES))


def _read_data(reader: bare.Reader) -> Data:
    onward_route, return_route = _read_route(reader), _read_route(reader)
    return Data(reader.data(), onward_route, return_route)


def _read_generation(reader: bare.Reader) -> Generation:
    return Generation(reader.uint(), reader.enum(Role), _read_address(reader))


def _read_address(reader: bare.Reader) -> Address:
    return Address(reader.u8(), reader.data(MAX_ADDRESS_BYTES))


def _read_route(reader: bare.Reader) -> Route:
    return reader.sequence(lambda: _read_address(reader), MAX_ROUTE_LENGTH)


_WRITE: Mapping[type, Callable[[Any], bytes]] = {
    Hello: _write_hello,
    Answer: _write_answer,
    Superseded: _write_superseded,
    Keepalive: lambda signal: b"\x04",
    KeepaliveAnswer: lambda signal: b"\x05",
    Data: _write_data,
    GoingAway: lambda going: b"\x07" + _reason(going.reason),
    Error: lambda error: b"\x08" + _reason(error.reason),
    Close: _write_close,
}

_READ: Mapping[int, Callable[[bare.Reader], Signal]] = {
    1: _read_hello,
    2: _read_answer,
    3: _read_superseded,
    4: lambda reader: Keepalive(),
    5: lambda reader: KeepaliveAnswer(),
    6: _read_data,
    7: lambda reader: GoingAway(reader.string(MAX_REASON_BYTES)),
    8: lambda reader: Error(reader.string(MAX_REASON_BYTES)),
    9: _read_close,
}

OCKAM: Profile = OckamProfile()
GENERATION: Profile = GenerationProfile()
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (OCKAM, GENERATION)}

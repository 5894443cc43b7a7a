"""Readable labels of messages, timers and states of sessions: `hello 1i`, `answer 2r`, `data m1 (2i)`, `back-off`.

Theory: a world derives every address from its owner, incarnation, generation number and starter. So the addresses of a
message identify its generation, also in profile `ockam`, which does not encode it.

Rule 1: labels are for people. Different messages may have the same label; `naming.canonical` orders them.
Rule 2: a generation is its number and its starter's letter, with a prime for each restart of the starter: `hello 1i'`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.sessions.symbolic_channel import CHANNEL_MESSAGE, CONFIRMATION, STRANGER, Term, term_of
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import RequestTimer, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.session import Snapshot
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

_DERIVED = re.compile(rb"(?s)[a-z]+(\d+)(?:\.\d+)?/(\d+[ir])(w|h).*")
_TAGS = range(1, 10)
"""First bytes in profile `generation`. In `ockam` a payload begins with the length of an address, or with a letter."""


def generation_of(address: Address) -> str:
    """`2i` from the address that an end derived for generation 2i."""
    found = _DERIVED.fullmatch(address.value)
    return found[2].decode() if found else ""


def _spoken_generation(generation: Generation) -> str:
    """The label of a generation, with a prime for each restart of its starter."""
    found = re.match(rb"[a-z]+(\d+)", generation.address.value)
    return f"{generation}" + _primes(found[1] if found else b"0")


def text_of(payload: bytes) -> str:
    """The label of data that is text."""
    return "data " + payload.decode("utf-8", "backslashreplace")


def said(message: Message, of_data: Callable[[bytes], str] = text_of) -> str:
    """The label of a message. `of_data` returns the label of application data."""
    if not message.onward_route:
        return "a message to nowhere"
    if (term := term_of(message.payload)) is not None:
        return _of_term(message, term, of_data)
    if message.payload[:1] and message.payload[0] in _TAGS:
        try:
            signal = GENERATION.decode(message.payload, Place.WORKER, message.return_route)
        except RemoteSessionError:
            return "unreadable bytes"
        if isinstance(signal, Data):
            return f"{of_data(signal.payload)}{_within(message)}"
        return _signal(signal, _within(message))
    return _in_profile_ockam(message)


def _of_term(message: Message, term: Term, of_data: Callable[[bytes], str]) -> str:
    """The label of a term: as in profile `generation`, with the nonce, and a note if a stranger wrote it."""
    if term.message == CONFIRMATION:
        what = f"confirmation{_within(message)}"
    else:
        what = said(Message(message.onward_route, message.return_route, term.plaintext), of_data)
    number = f" nonce {term.nonce}" if term.message == CHANNEL_MESSAGE else ""
    return what + number + (" of a stranger" if term.author == STRANGER else "")


def _within(message: Message) -> str:
    generation = generation_of(message.onward_route[0])
    return f" ({generation})" if generation else ""


def _signal(signal: Signal, within: str) -> str:
    match signal:
        case Hello(generation=generation):
            return f"hello {_spoken_generation(generation)}"
        case Answer(generation=Generation() as generation, worker=worker):
            found = _DERIVED.fullmatch(worker.value)
            again = " by a restarted end" if found and int(found[1]) else ""
            return f"answer {_spoken_generation(generation)}{again}"
        case Superseded(number=number):
            return f"superseded {number}"
        case Keepalive():
            return f"keepalive{within}"
        case KeepaliveAnswer():
            return f"keepalive answer{within}"
        case Close():
            return f"close{within}"
        case GoingAway():
            return f"going away{within}"
        case Error():
            return f"error{within}"
    raise AssertionError(signal)


def _in_profile_ockam(message: Message) -> str:
    """The destination determines the kind of message; only derived addresses have generation numbers."""
    last = message.onward_route[-1]
    if b"/" not in last.value:
        found = re.fullmatch(rb"(?s).[a-z]+(\d+)/(\d+[ir])w", message.payload)
        return f"hello {found[2].decode()}{_primes(found[1])}" if found else "hello"
    if last.value.endswith(b"h"):
        return f"answer {generation_of(last)}"
    return f"{text_of(message.payload)} ({generation_of(last)})"


def _primes(restarts: bytes) -> str:
    return "'" * int(restarts)


@spoken.register
def _timer(timer: Timer) -> str:
    return timer.value


@spoken.register
def _request_timer(timer: RequestTimer) -> str:
    return f"request {spoken(timer.request)}"


def state_of(image: Snapshot | None) -> str:
    """The control state of a session, with its generations and the number of held messages."""
    if image is None:
        return State.IDLE.name
    links = {"current": image.current, "attempt": image.attempt}
    known = [f"{name} {_spoken_generation(link.generation)}" for name, link in links.items() if link is not None]
    held = [f"{len(image.waiting)} held"] if image.waiting else []
    return " ".join([image.state.name, *([f"({', '.join(known + held)})"] if known or held else [])])

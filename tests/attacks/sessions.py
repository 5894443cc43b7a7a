"""Attacks on sessions: many that are never confirmed, and forgeries against one that lives."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from tests.attacks.lib import Load, Peer, frame, hello, pour, way

OF_THE_ATTACKER = "other"


def hello_flood(port: int, seconds: float) -> Load:
    """One connection sends hellos with ever new session ids and confirms none of them."""
    peer, size = Peer(port), len(frame(way("responder"), hello(bytes(16))))
    written = pour([peer], _hellos, seconds)
    peer.close()
    return {"messages": written // size, "bytes": written, "newcomer_opened": _opens(port)}


def _hellos() -> bytes:
    return b"".join(frame(way("responder"), hello(os.urandom(16))) for _ in range(200))


def _opens(port: int) -> bool:
    peer = Peer(port, timeout=3.0)
    try:
        session = Session(peer)
        return session.alive()
    except OSError:
        return False
    finally:
        peer.close()


class Session:
    """A session of profile generation, written by hand: the honest one that is attacked."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.id = os.urandom(16)
        answer = peer.ask(way("responder"), hello(self.id))
        self.inner: Address = answer.return_route[-1]
        peer.ask((self.inner,), GENERATION.encode(Keepalive()))

    def alive(self) -> bool:
        """Data comes back over it, and no end of it."""
        wanted = os.urandom(8)
        self.peer.send((self.inner,), GENERATION.encode(Data(wanted)))
        while True:
            payload = self.peer.receive().payload
            if payload[:1] in (b"\x07", b"\x08", b"\x09"):
                return False
            if payload[:1] == b"\x06":
                return payload.endswith(wanted)


def forgeries(port: int, seconds: float) -> Load:
    """Another connection that knows the session id and the inner addresses forges every signal."""
    session, other, harmed = Session(Peer(port)), Peer(port, timeout=0.2), list[str]()
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end and not harmed and count < 2000:
        for signal in _forged(session):
            for inner in (session.inner.value, session.inner.value + b".1"):
                for back in ("me", OF_THE_ATTACKER):
                    other.send((local(inner),), GENERATION.encode(signal), way(back))
                    count += 1
            if not _lives(session):
                harmed.append(type(signal).__name__)
                break
        with suppress(OSError):
            other.socket.recv(1 << 20)
    return {"messages": count, "harmed": harmed}


def _forged(session: Session) -> list[Signal]:
    generation = Generation(1, Role.INITIATOR, local("me"))
    return [
        Close(session.id, 9, local("me"), "forged"), GoingAway("forged"), Error("forged"),
        Data(b"forged"), Keepalive(), KeepaliveAnswer(),
        Superseded(session.id, 9, local("me")), Answer(session.id, generation, local(OF_THE_ATTACKER), False),
    ]  # fmt: skip


def _lives(session: Session) -> bool:
    try:
        return session.alive()
    except OSError:
        return False

"""Two ends of a handshake or of a channel, with keys that are the same in every run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import pytest

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.secure.channel import Channel, ChannelHandshake, PurposeKey
from ockam_fsm.secure.identity import OwnIdentity
from ockam_fsm.secure.noise import Handshake
from ockam_fsm.secure.secret import KeyPair, Secret
from ockam_fsm.secure.suite import OCKAM, Suite
from ockam_fsm.secure.trust import TrustEveryone, TrustPolicy

VECTORS = Path(__file__).parents[1] / "vectors"
NOW = 1_700_000_000
INITIATOR, RESPONDER = Role.INITIATOR, Role.RESPONDER


class Stateful(Protocol):
    """An end whose state can be compared before and after a refusal."""

    def snapshot(self) -> Any: ...


def vectors(name: str) -> Any:
    """Return the content of a file of vectors."""
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def secret(name: str) -> Secret:
    """Return a secret derived from its name."""
    return Secret(sha256(name.encode()).digest())


def pair(name: str) -> KeyPair:
    """Return a key pair derived from its name."""
    return KeyPair(secret(name))


def noise_pair(suite: Suite = OCKAM, prologue: bytes = b"", run: str = "") -> tuple[Handshake, Handshake]:
    """An initiator and a responder."""
    return (
        Handshake(suite, INITIATOR, pair("is"), pair(f"ie{run}"), prologue),
        Handshake(suite, RESPONDER, pair("rs"), pair(f"re{run}"), prologue),
    )


def own_identity(name: str, now: int = NOW) -> OwnIdentity:
    """Return an identity derived from its name."""
    return OwnIdentity.create(secret(f"{name} identity"), now)


def purpose_key(name: str, now: int = NOW) -> PurposeKey:
    """Return the purpose key of the identity with this name."""
    return PurposeKey.create(own_identity(name, now), secret(f"{name} purpose"), now)


def channel_pair(
    trust: TrustPolicy | None = None, run: str = "", initiator: str = "alice", responder: str = "bob"
) -> tuple[ChannelHandshake, ChannelHandshake]:
    """Two handshakes between identities; both trust everyone, or by `trust`."""
    policy = TrustEveryone() if trust is None else trust
    return (
        ChannelHandshake(INITIATOR, purpose_key(initiator), policy, secret(f"ie{run}")),
        ChannelHandshake(RESPONDER, purpose_key(responder), policy, secret(f"re{run}")),
    )


def opened(run: str = "") -> tuple[Channel, Channel]:
    """Both ends of an open channel."""
    initiator, responder = channel_pair(run=run)
    responder.read(initiator.write(), NOW)
    initiator.read(responder.write(), NOW)
    responder.read(initiator.write(), NOW)
    return initiator.channel(), responder.channel()


def refuse(act: Callable[[], object], *ends: Stateful, reason: str | None = None) -> RemoteSessionError:
    """Return the error of an input that must be refused, and check that no end has changed."""
    before = [end.snapshot() for end in ends]
    with pytest.raises(RemoteSessionError) as raised:
        act()
    assert [end.snapshot() for end in ends] == before
    assert reason is None or raised.value.reason == reason
    return raised.value


def flipped(message: bytes) -> Iterator[bytes]:
    """Yield the message with each bit flipped once."""
    whole = int.from_bytes(message, "big")
    for bit in range(8 * len(message)):
        yield (whole ^ 1 << bit).to_bytes(len(message), "big")


def wrong_forms(message: bytes) -> Iterator[bytes]:
    """Yield each truncation of the message, and the message with bytes appended."""
    yield from (message[:size] for size in range(len(message)))
    yield from (message + bytes((more,)) for more in (0, 1, 255))
    yield message + message

"""Secrets appear in no text, pickle, copy or error."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.secure.channel import PurposeKey
from ockam_fsm.secure.identity import OwnIdentity
from ockam_fsm.secure.identity_store import FileIdentityStore, MemoryIdentityStore, StoredIdentity
from ockam_fsm.secure.noise import Handshake
from ockam_fsm.secure.secret import KeyPair, Secret, SigningKey, is_signed
from ockam_fsm.secure.suite import OCKAM
from tests.secure.helpers import INITIATOR, NOW, RESPONDER, channel_pair, noise_pair, opened, secret

SECRETS = [secret(name) for name in ("identity", "purpose", "ephemeral")]


def objects() -> list[object]:
    """Return one object of each class that holds a secret, in each state."""
    identity, purpose, ephemeral = SECRETS
    stored = StoredIdentity.create(identity, purpose, NOW)
    store = MemoryIdentityStore()
    store.save(stored)
    noise = Handshake(OCKAM, INITIATOR, KeyPair(purpose), KeyPair(ephemeral))
    peer = Handshake(OCKAM, RESPONDER, KeyPair(secret("s")), KeyPair(secret("e")))
    started = noise.snapshot()
    peer.read(noise.write())
    noise.read(peer.write())
    noise.write()
    finished, keys = noise.snapshot(), noise.split()
    channel, _ = opened()
    return [
        *SECRETS,
        KeyPair(purpose),
        SigningKey(identity),
        OwnIdentity.create(identity, NOW),
        PurposeKey.create(OwnIdentity.create(identity, NOW), purpose, NOW),
        stored,
        store,
        started,
        started.symmetric,
        finished,
        finished.symmetric,
        keys,
        *channel_pair(),
        channel_pair()[0].snapshot(),
        channel.encryptor,
        channel.decryptor,
        channel.encryptor.snapshot(),
        channel.decryptor.snapshot(),
        channel.decryptor.snapshot().intervals[0],
        channel,
        noise,
    ]


def known_secrets() -> list[bytes]:
    channel, _ = opened()
    initiator, responder = noise_pair()
    responder.read(initiator.write())
    responder.write()
    symmetric = responder.snapshot().symmetric
    assert symmetric is not None
    assert symmetric.key is not None
    encrypting, decrypting = channel.encryptor.snapshot().key, channel.decryptor.snapshot().intervals[0].key
    assert encrypting is not None
    return [one.reveal() for one in (*SECRETS, encrypting, decrypting, symmetric.chaining, symmetric.key)]


def shown(text: str) -> bool:
    """Return whether the text contains a part of a secret, in any usual form."""
    parts = [one[:6] for one in known_secrets()]
    forms = [form for one in parts for form in (one.hex(), repr(one)[2:-1], repr(list(one))[1:-1])]
    return any(form in text for form in forms)


def test_a_shown_secret_is_detected() -> None:
    value = SECRETS[0].reveal()
    assert all(shown(text) for text in (value.hex(), repr(value), repr(list(value)), f"key={value!r}"))


@pytest.mark.parametrize("held", objects(), ids=lambda held: type(held).__name__)
def test_no_text_shows_a_secret(held: object, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("secure").info("%s %r", held, held)
    for text in (repr(held), str(held), f"{held}", caplog.text):
        assert not shown(text)
        assert len(text) < 600


@pytest.mark.parametrize("held", objects(), ids=lambda held: type(held).__name__)
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_no_object_with_a_secret_is_copied_or_pickled(held: object, way: Callable[[object], object]) -> None:
    if way is copy.copy and type(held).__name__ in ("TransportKeys", "Channel"):
        return  # the same secrets in another tuple: their bytes are not read
    with pytest.raises((LocalSessionError, TypeError)):
        way(held)


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    identity, purpose, _ = SECRETS
    own = OwnIdentity.create(identity, NOW)
    alice, bob = opened()
    initiator, responder = channel_pair()
    path = tmp_path / "identity"
    FileIdentityStore(path).save(StoredIdentity.create(identity, purpose, NOW))
    path.write_bytes(path.read_bytes()[:-40])
    message = alice.encryptor.encrypt(b"secret words")
    acts: list[Callable[[], object]] = [
        lambda: Secret(identity.reveal() + b"x"),
        lambda: Secret(bytearray(identity.reveal())),  # type: ignore[arg-type]
        lambda: OwnIdentity(own.history, purpose),
        lambda: bob.decryptor.decrypt(message[:-1]),
        lambda: alice.decryptor.decrypt(message),
        lambda: responder.read(initiator.write() + identity.reveal(), NOW),
        lambda: responder.write(),
        lambda: KeyPair(purpose).exchange(bytes(32)),
        lambda: FileIdentityStore(path).load(),
        lambda: pickle.dumps(identity),
    ]
    for act in acts:
        with pytest.raises((LocalSessionError, RemoteSessionError)) as raised:
            act()
        error = raised.value
        text = "".join(traceback.format_exception(error))
        assert not shown(f"{text} {error!r} {error.args!r} {vars(error)!r}")
        pickle.loads(pickle.dumps(error))


def test_secrets_are_compared_by_value() -> None:
    one, same, other = secret("one"), secret("one"), secret("other")
    assert (one == same, one == other, one == one.reveal(), hash(one) == hash(same)) == (True, False, False, True)


def test_wrong_secrets_are_refused() -> None:
    for wrong in (b"", bytes(31), bytes(33), "x" * 32, None, bytearray(32)):
        with pytest.raises(LocalSessionError, match="a secret is 32 bytes"):
            Secret(wrong)  # type: ignore[arg-type]


def test_signatures() -> None:
    key = SigningKey(secret("one"))
    signature = key.sign(b"data")
    assert is_signed(key.public, signature, b"data")
    wrongs = [
        (key.public, signature, b"date"),
        (SigningKey(secret("x")).public, signature, b"data"),
        (b"", signature, b"data"),
        (key.public, b"", b"data"),
        (b"\xff" * 32, signature, b"data"),
    ]
    for wrong in wrongs:
        assert not is_signed(*wrong)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_keys_of_a_wrong_size_are_refused(key: bytes) -> None:
    with pytest.raises(RemoteSessionError, match="weak-key"):
        KeyPair(secret("one")).exchange(key)


@pytest.mark.slow
def test_without_the_extra_the_error_names_it() -> None:
    code = "import sys; sys.modules['cryptography'] = None; import ockam_fsm, ockam_fsm.secure"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith("pip install 'ockam-fsm[secure]'")

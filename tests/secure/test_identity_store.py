"""Stored identities: a file that only its owner can read, or memory."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.secure.identity import PURPOSE_KEY_SECONDS
from ockam_fsm.secure.identity_store import (
    FORMAT,
    MAX_FILE_BYTES,
    FileIdentityStore,
    IdentityStore,
    MemoryIdentityStore,
    StoredIdentity,
)
from ockam_fsm.secure.secret import KeyPair
from tests.secure.helpers import NOW, own_identity, secret


@pytest.fixture
def stored() -> StoredIdentity:
    return StoredIdentity.create(secret("alice identity"), secret("alice purpose"), NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identity"


def the_same(one: StoredIdentity | None, other: StoredIdentity) -> bool:
    return one is not None and all(
        getattr(one, name) == getattr(other, name) for name in ("identity_secret", "purpose_secret", "attestation")
    )


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_saved_identity_is_loaded(kind: str, stored: StoredIdentity, path: Path) -> None:
    store: IdentityStore = MemoryIdentityStore() if kind == "memory" else FileIdentityStore(path)
    assert store.load() is None
    store.save(stored)
    found = store.load()
    assert found is not None
    assert the_same(found, stored)
    assert (found.own.identity, found.own.history) == (own_identity("alice").identity, stored.own.history)
    assert found.purpose_key(NOW).pair.public == KeyPair(secret("alice purpose")).public
    with pytest.raises(LocalSessionError, match="not replaced"):
        store.save(stored)
    assert the_same(store.load(), stored)


@pytest.mark.parametrize("mask", [0, 0o022, 0o377])
def test_a_file_has_mode_0600_with_any_umask(mask: int, stored: StoredIdentity, path: Path) -> None:
    before = os.umask(mask)
    try:
        FileIdentityStore(path).save(stored)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert repr(FileIdentityStore(path)) == f"FileIdentityStore({str(path)!r})"
    assert os.listdir(path.parent) == ["identity"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_others_can_open_is_refused(mode: int, stored: StoredIdentity, path: Path) -> None:
    store = FileIdentityStore(path)
    store.save(stored)
    path.chmod(mode)
    with pytest.raises(LocalSessionError, match=rf"{path}: mode 0{mode:o}.*chmod 600"):
        store.load()
    path.chmod(0o400)
    assert the_same(store.load(), stored)


def test_a_file_of_another_user_is_refused(stored: StoredIdentity, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileIdentityStore(path)
    store.save(stored)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(LocalSessionError, match="belongs to another user"):
        store.load()


def content_of(stored: StoredIdentity, path: Path) -> dict[str, Any]:
    FileIdentityStore(path).save(stored)
    found: dict[str, Any] = json.loads(path.read_bytes())
    path.unlink()
    return found


def put(path: Path, content: bytes) -> FileIdentityStore:
    path.write_bytes(content)
    path.chmod(0o600)
    return FileIdentityStore(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * MAX_FILE_BYTES, b'{"format": "ockam-fsm identity 1"}'],
)
def test_wrong_files_are_refused(content: bytes, path: Path) -> None:
    with pytest.raises(LocalSessionError, match=rf"identity file {path}: it is not a stored identity"):
        put(path, content).load()


def test_a_file_that_is_too_long_is_refused(path: Path) -> None:
    with pytest.raises(LocalSessionError, match=f"longer than {MAX_FILE_BYTES} bytes"):
        put(path, b" " * (MAX_FILE_BYTES + 1)).load()


def test_every_truncation_is_refused(stored: StoredIdentity, path: Path) -> None:
    content = json.dumps(content_of(stored, path)).encode()
    for size in range(0, len(content), 31):
        with pytest.raises(LocalSessionError, match="is not a stored identity"):
            put(path, content[:size]).load()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": "ockam-fsm identity 2"}, "is not a stored identity"),
        ({"identity_secret": 5}, "is not a stored identity"),
        ({"identity_secret": "zz"}, "is not a stored identity"),
        ({"more": ""}, "is not a stored identity"),
        ({"identity_secret": "00"}, "a secret is 32 bytes"),
        ({"identity_secret": "11" * 32}, "does not belong to the change history"),
        ({"change_history": "80"}, "the change history is not valid"),
        ({"identifier": "I" + "0" * 64}, "its identifier does not match its change history"),
    ],
)
def test_a_changed_field_is_refused(changes: dict[str, Any], match: str, stored: StoredIdentity, path: Path) -> None:
    content = content_of(stored, path)
    assert content["format"] == FORMAT
    with pytest.raises(LocalSessionError, match=f"identity file {path}: .*{match}") as raised:
        put(path, json.dumps(content | changes).encode()).load()
    assert content["purpose_secret"] not in str(raised.value)
    assert raised.value.__context__ is None or content["purpose_secret"] not in repr(vars(raised.value.__context__))


def test_a_path_that_is_no_regular_file_is_refused(stored: StoredIdentity, path: Path, tmp_path: Path) -> None:
    os.mkfifo(path)
    for there in (path, tmp_path):
        with pytest.raises(LocalSessionError, match=f"{there}: it is a"):
            FileIdentityStore(there).load()
        with pytest.raises(LocalSessionError, match=f"{there}: it exists"):
            FileIdentityStore(there).save(stored)
    missing = tmp_path / "missing" / "identity"
    assert FileIdentityStore(missing).load() is None
    with pytest.raises(LocalSessionError, match="No such file"):
        FileIdentityStore(missing).save(stored)


def test_a_file_that_cannot_be_written_leaves_nothing(
    stored: StoredIdentity, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LocalSessionError, match="No space left"):
        FileIdentityStore(path).save(stored)
    assert os.listdir(path.parent) == []


def test_a_purpose_key_can_be_renewed(stored: StoredIdentity) -> None:
    later = NOW + PURPOSE_KEY_SECONDS + 1
    with pytest.raises(LocalSessionError, match="it expired at"):
        stored.purpose_key(later)
    renewed = stored.renewed(secret("another"), later)
    assert renewed.own.identity == stored.own.identity
    assert renewed.purpose_key(later).pair.public == KeyPair(secret("another")).public

"""Stores of an identity: in a file that only its owner can read, or in memory.

    {"format": "ockam-fsm identity 1", "identifier": ..., "change_history": ..., "identity_secret": ...,
     "attestation": ..., "purpose_secret": ...}          one object of JSON; bytes as hexadecimal digits

Rule 1: a file is created with mode 0600 and never replaced. It gets its name when it is complete.
Rule 2: a file that others can read or write, or that belongs to another user, is refused before it is read.
Rule 3: an error has the file, the fact and the remedy, but nothing of the content.
Left out: encryption of the file; the operating system protects it. Windows has no such modes, so files are refused
        there.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Protocol

from ockam_fsm.kernel.arguments import check_path
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.files import open_regular
from ockam_fsm.secure.channel import PurposeKey
from ockam_fsm.secure.identity import OwnIdentity
from ockam_fsm.secure.secret import KeyPair, Secret, Unprintable

FORMAT = "ockam-fsm identity 1"
FILE_MODE = 0o600
MAX_FILE_BYTES = 16 * 1024
_FIELDS = ("change_history", "identity_secret", "attestation", "purpose_secret")
_OTHERS = 0o077


class StoredIdentity(Unprintable):
    """An identity with its secrets and its attestation, as a store keeps it."""

    def __init__(self, history: bytes, identity_secret: Secret, attestation: bytes, purpose_secret: Secret) -> None:
        """
        Raises:
            LocalSessionError: the history is not valid, or belongs to another secret.
        """
        self.own = OwnIdentity(history, identity_secret)
        self.identity_secret = identity_secret
        self.attestation = attestation
        self.purpose_secret = purpose_secret

    def __repr__(self) -> str:
        return f"<StoredIdentity: {self.own.identity.identifier}>"

    @classmethod
    def create(cls, identity_secret: Secret, purpose_secret: Secret, now: int) -> StoredIdentity:
        """Create an identity with a purpose key from two new secrets, at `now` (seconds since 1970)."""
        own = OwnIdentity.create(identity_secret, now)
        attestation = own.attest(KeyPair(purpose_secret).public, now)
        return cls(own.history, identity_secret, attestation, purpose_secret)

    def purpose_key(self, now: int) -> PurposeKey:
        """Return the purpose key for handshakes.

        Raises:
            LocalSessionError: the attestation is not valid at `now`, or is for another key.
        """
        return PurposeKey(self.own, self.purpose_secret, self.attestation, now)

    def renewed(self, purpose_secret: Secret, now: int) -> StoredIdentity:
        """Return the same identity with a new purpose key.

        Raises:
            LocalSessionError: the identity is not valid at `now`.
        """
        attestation = self.own.attest(KeyPair(purpose_secret).public, now)
        return StoredIdentity(self.own.history, self.identity_secret, attestation, purpose_secret)


class IdentityStore(Protocol):
    """A store of one identity."""

    def load(self) -> StoredIdentity | None:
        """Return the identity; None if there is none. Raises LocalSessionError if it cannot be used."""

    def save(self, identity: StoredIdentity) -> None:
        """Store an identity. Raises LocalSessionError if there is one already, or it cannot be stored."""


class MemoryIdentityStore(Unprintable):
    """A store in memory; its identity is lost at the end of the process."""

    def __init__(self) -> None:
        self._identity: StoredIdentity | None = None

    def load(self) -> StoredIdentity | None:
        """Return the identity; None if there is none."""
        return self._identity

    def save(self, identity: StoredIdentity) -> None:
        """Store an identity.

        Raises:
            LocalSessionError: there is one already.
        """
        if self._identity is not None:
            raise LocalSessionError(f"{self._identity!r} is already stored, and is not replaced")
        self._identity = identity


class FileIdentityStore:
    """A store in a file.

    Args:
        path: the name of the file. Its folder must exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises LocalSessionError if `path` is not a path."""
        self.path = check_path("path", path)

    def __repr__(self) -> str:
        return f"FileIdentityStore({str(self.path)!r})"

    def load(self) -> StoredIdentity | None:
        """Return the identity; None if there is no file.

        Raises:
            LocalSessionError: others can read or write the file, it belongs to another user, it cannot be read, or it
                is not a stored identity.
        """
        try:
            content = self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LocalSessionError(f"identity file {self.path}: {error.strerror}") from None
        return self._parsed(content)

    def save(self, identity: StoredIdentity) -> None:
        """Create the file, with mode 0600.

        Raises:
            LocalSessionError: the name exists already, or the file cannot be created.
        """
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            _write(temporary, _written(identity))
            try:
                os.link(temporary, self.path)  # atomic, and fails if the name exists
            finally:
                temporary.unlink()
        except FileExistsError as error:
            name = error.filename2 or error.filename
            raise LocalSessionError(f"identity file {name}: it exists, and is not replaced") from None
        except OSError as error:
            raise LocalSessionError(f"identity file {self.path}: {error.strerror}") from None

    def _read(self) -> bytes:
        with os.fdopen(open_regular(self.path), "rb") as file:
            found = os.fstat(file.fileno())
            mode = stat.S_IMODE(found.st_mode)
            if mode & _OTHERS:
                raise LocalSessionError(
                    f"identity file {self.path}: mode {mode:04o}, so others may have read its secrets; "
                    f"create a new identity, or run chmod {FILE_MODE:o} on the file if you know that they have not"
                )
            if found.st_uid not in (os.geteuid(), 0):
                raise LocalSessionError(f"identity file {self.path}: it belongs to another user ({found.st_uid})")
            return file.read(MAX_FILE_BYTES + 1)

    def _parsed(self, content: bytes) -> StoredIdentity:
        problem = f"it is longer than {MAX_FILE_BYTES} bytes" if len(content) > MAX_FILE_BYTES else ""
        try:
            fields = {} if problem else _fields(content)
        except (ValueError, RecursionError):  # without its cause, which quotes the content
            fields, problem = {}, "it is not a stored identity, or is damaged"
        if problem:
            raise LocalSessionError(f"identity file {self.path}: {problem}; restore it, or create a new identity")
        history, secret, attestation, purpose = (fields[name] for name in _FIELDS)
        try:
            stored = StoredIdentity(history, Secret(secret), attestation, Secret(purpose))
        except LocalSessionError as error:
            raise LocalSessionError(f"identity file {self.path}: {error}") from None
        if str(stored.own.identity.identifier).encode() != fields["identifier"]:
            raise LocalSessionError(f"identity file {self.path}: its identifier does not match its change history")
        return stored


def _fields(content: bytes) -> dict[str, bytes]:
    """Return the fields as bytes. Raises ValueError."""
    found = json.loads(content)
    if not isinstance(found, dict) or found.keys() != {"format", "identifier", *_FIELDS}:
        raise ValueError
    if found["format"] != FORMAT or not all(isinstance(text, str) for text in found.values()):
        raise ValueError
    return {"identifier": found["identifier"].encode()} | {name: bytes.fromhex(found[name]) for name in _FIELDS}


def _written(stored: StoredIdentity) -> bytes:
    secret, purpose = stored.identity_secret.reveal(), stored.purpose_secret.reveal()
    values = (stored.own.history, secret, stored.attestation, purpose)
    fields = {name: value.hex() for name, value in zip(_FIELDS, values, strict=True)}
    return json.dumps({"format": FORMAT, "identifier": str(stored.own.identity.identifier)} | fields, indent=1).encode()


def _write(path: Path, content: bytes) -> None:
    """Create a file that only its owner can read. Its content is on the disk when this returns."""
    found = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(found, "wb") as file:
            os.fchmod(found, FILE_MODE)  # independent of the umask
            file.write(content)
            file.flush()
            os.fsync(found)
    except OSError:
        path.unlink()
        raise

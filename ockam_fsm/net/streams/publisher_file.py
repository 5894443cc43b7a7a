"""The state of a publisher in a file: identity, session number, and the unconfirmed messages.

Rule 1: the file is replaced atomically, after its content is on the disk. A kill leaves the old or the new file.
Rule 2: any other file is refused and never overwritten.
Source: spec/sessions.md clause 12.4.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from typing import Any

from ockam_fsm.kernel.arguments import check_path, check_type
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.files import read_whole
from ockam_fsm.machines.publisher import PublisherState
from ockam_fsm.net.streams.publisher import Kept
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES
from ockam_fsm.runtime.stream.publisher import PublisherImage

FORMAT = "ockam_fsm publisher 1"


class PublisherFile:
    """The file of one publisher; give `keep` to `StreamPublisher`."""

    def __init__(self, path: str | os.PathLike[str], stream: str) -> None:
        """`stream`: the name of the stream; the file of another stream is refused.

        Raises:
            LocalSessionError: an argument is of the wrong type.
        """
        check_type("stream", stream, str)
        self.path, self.stream = check_path("path", path), stream

    def load(self) -> Kept | None:
        """Return the stored state; None if there is no file.

        Raises:
            LocalSessionError: the file is not a state of a publisher, or belongs to another stream.
            OSError: the file cannot be read.
        """
        try:
            found = json.loads(read_whole(self.path))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError):
            found = None
        kept = _read(found)
        if kept is None:
            raise LocalSessionError(f"{self.path} holds no state of a publisher; name another file, or remove it")
        if found["stream"] != self.stream:
            raise LocalSessionError(f"{self.path} is of a publisher to {found['stream']}, not to {self.stream}")
        return kept

    def keep(self, kept: Kept) -> None:
        """Store the state. Raises OSError if the file cannot be written."""
        image = kept.image
        messages = [b64encode(message).decode() for message in image.messages]
        content = {"format": FORMAT, "stream": self.stream, "identity": kept.identity.hex(), "number": kept.number,
                   "before": image.before, "confirmed": image.confirmed, "messages": messages}  # fmt: skip
        beside = self.path.with_name(f"{self.path.name}.new")
        with open(beside, "wb", opener=_open_private) as file:
            file.write(json.dumps(content).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)


def _open_private(path: str, flags: int) -> int:
    """Open a file that only its owner can read: it contains messages."""
    return os.open(path, flags, 0o600)


def _read(found: Any) -> Kept | None:
    """Return the state in a JSON value; None if `keep` has not written it."""
    try:
        if found["format"] != FORMAT or not isinstance(found["stream"], str):
            return None
        identity, number = bytes.fromhex(found["identity"]), found["number"]
        before, confirmed = found["before"], found["confirmed"]
        messages = tuple(b64decode(message, validate=True) for message in found["messages"])
    except (KeyError, TypeError, ValueError):
        return None
    counts = (number, before, confirmed)
    if any(type(count) is not int or count < 0 for count in counts) or before > confirmed:
        return None
    if len(identity) != SESSION_ID_BYTES:
        return None
    return Kept(identity, number, PublisherImage(PublisherState.PUBLISHING, before, confirmed, messages))

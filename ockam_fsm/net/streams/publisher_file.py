"""What a publisher keeps, in a file: identity, session number, and the messages that are not confirmed.

Rule 1: the file is replaced as a whole, after its content is on the disk. A kill leaves the old one or the new one.
Rule 2: what is no such file is refused, and never written over.
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
    """`keep` is what a `StreamPublisher` takes."""

    def __init__(self, path: str | os.PathLike[str], stream: str) -> None:
        """`stream` names what is published to; a file of another one is refused.

        Raises:
            LocalSessionError: an argument is of the wrong type.
        """
        check_type("stream", stream, str)
        self.path, self.stream = check_path("path", path), stream

    def load(self) -> Kept | None:
        """What is kept; None where there is no file yet.

        Raises:
            LocalSessionError: the file is something else, or of another stream.
            OSError: it cannot be read.
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
        """Raises OSError where it cannot be written."""
        image = kept.image
        messages = [b64encode(message).decode() for message in image.messages]
        content = {"format": FORMAT, "stream": self.stream, "identity": kept.identity.hex(), "number": kept.number,
                   "before": image.before, "confirmed": image.confirmed, "messages": messages}  # fmt: skip
        beside = self.path.with_name(f"{self.path.name}.new")
        with open(beside, "wb", opener=_for_its_owner) as file:
            file.write(json.dumps(content).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)


def _for_its_owner(path: str, flags: int) -> int:
    """Messages are nobody else's affair."""
    return os.open(path, flags, 0o600)


def _read(found: Any) -> Kept | None:
    """None: it is not what `keep` has written."""
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

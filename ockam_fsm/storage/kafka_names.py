"""Names in Kafka: the topics of streams, of their records, and of saved indexes; transactional ids.

Theory: Kafka allows at most 249 letters, digits, `.`, `_` and `-`, and confuses `.` with `_` in its metrics. A stream
may have any name.

Rule 1: letters, digits and `-` are kept. Any other byte of the name in UTF-8 becomes `_` and two hexadecimal digits.
        `.` is not used.
Rule 2: a name that is too long becomes its beginning, `__`, and its SHA-256. No other name contains `__`.
Rule 3: after the prefix comes `-` for a stream, `_` for other topics. The prefix contains neither, so names never
        collide, with the same prefix or another one.
"""

from __future__ import annotations

import re
from hashlib import sha256

from ockam_fsm.storage.interface import StorageRefused

MAX_CHARACTERS = 200
KEPT_CHARACTERS = 100
_PREFIX = re.compile(r"[a-z0-9]{1,32}")
_OTHER = re.compile(rb"[^A-Za-z0-9-]")


class KafkaNames:
    """The names with one prefix."""

    def __init__(self, prefix: str) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise StorageRefused(f"the prefix {prefix!r} is not possible", "use 1 to 32 of the characters a-z and 0-9")
        self.prefix = prefix
        self.saved = f"{prefix}_saved"

    def stream(self, stream: str) -> str:
        return f"{self.prefix}-{escaped_name(stream)}"

    def records(self, stream: str) -> str:
        return f"{self.prefix}_records-{escaped_name(stream)}"

    def writer(self, stream: str, partition: int) -> str:
        """Return the transactional id of the writer of a log."""
        return f"{self.prefix}-{escaped_name(stream)}-{partition}"

    def saved_writer(self) -> str:
        return f"{self.prefix}_saved"


def escaped_name(name: str) -> str:
    data = name.encode()
    text = _OTHER.sub(lambda found: b"_%02x" % found[0][0], data).decode()
    return text if len(text) <= MAX_CHARACTERS else f"{text[:KEPT_CHARACTERS]}__{sha256(data).hexdigest()}"

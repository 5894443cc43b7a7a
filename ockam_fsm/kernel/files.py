"""Reading and writing files by names that may denote something else: a pipe, a device, a folder.

Theory: opening a pipe without another end blocks, `/dev/zero` has no end, `/dev/full` accepts nothing. A name that a
user gives may be any of them.

Rule 1: every error is an `OSError` with the system's reason (`strerror`) and the name (`filename`), at once.
Rule 2: only regular files are read, and at most as many bytes as the caller accepts.
Rule 3: anything that accepts bytes now may be written, such as `/dev/stdout`.
Left out: a pipe whose reader does not read. It blocks, as for any program.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EFBIG, EINVAL, EISDIR, ENXIO
from pathlib import Path
from typing import BinaryIO

MAX_READ_BYTES = 64 * 2**20
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file and return its descriptor; `flags` as for `os.open`."""
    found = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    kind = stat.S_IFMT(os.fstat(found).st_mode)
    if kind != stat.S_IFREG:
        os.close(found)
        raise _error(EISDIR if kind == stat.S_IFDIR else EINVAL, f"it is {_KINDS[kind]}, not a regular file", path)
    return found


def reading(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes."""
    return os.fdopen(open_regular(path), "rb")


def read_whole(path: Path, most_bytes: int = MAX_READ_BYTES) -> bytes:
    """Return the content of a regular file. Raises OSError if it is longer than `most_bytes`."""
    with reading(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _error(EFBIG, f"it is longer than {most_bytes} bytes", path)
    return content


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing from its beginning; it need not be a regular one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        found = os.open(path, flags, 0o666)  # non-blocking, so a FIFO without a reader is an error
        os.set_blocking(found, True)
        with os.fdopen(found, "wb") as file:
            yield file
    except OSError as error:  # the system's error has no file name when writing fails
        reason = "it is a FIFO without a reader, or a socket" if error.errno == ENXIO else error.strerror
        raise _error(error.errno or EINVAL, reason or str(error), path) from None


def write_whole(path: Path, content: str | bytes) -> None:
    """Write this content to a file, text in UTF-8 with line feeds."""
    with writing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _error(number: int, reason: str, path: Path) -> OSError:
    return OSError(number, reason, os.fspath(path))

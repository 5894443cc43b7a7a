"""Files by their names, where what has the name may be no file: a pipe, a device, a folder.

Theory: a pipe without another end stops whoever opens it, `/dev/zero` has no end, `/dev/full` takes nothing. A name
that a user gives leads to any of them.

Rule 1: every error is an `OSError` with the system's reason (`strerror`) and the name (`filename`), at once.
Rule 2: what is read is a regular file, and no more of it than the caller says.
Rule 3: what is written may be anything that takes bytes now: `/dev/stdout` is a fine place for a picture.
Left out: a pipe whose reader does not read. It stops us as it stops any program.
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
    """A descriptor of a regular file; `flags` as for `os.open`."""
    found = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    kind = stat.S_IFMT(os.fstat(found).st_mode)
    if kind != stat.S_IFREG:
        os.close(found)
        raise _error(EISDIR if kind == stat.S_IFDIR else EINVAL, f"it is {_KINDS[kind]}, not a regular file", path)
    return found


def reading(path: Path) -> BinaryIO:
    """A regular file, opened for reading bytes."""
    return os.fdopen(open_regular(path), "rb")


def read_whole(path: Path, most_bytes: int = MAX_READ_BYTES) -> bytes:
    """What a regular file has in it, if that is not more than `most_bytes`."""
    with reading(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise _error(EFBIG, f"it is longer than {most_bytes} bytes", path)
    return content


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file that is written from its beginning; not only a regular one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        found = os.open(path, flags, 0o666)  # not blocking: of a FIFO without a reader this is an error
        os.set_blocking(found, True)
        with os.fdopen(found, "wb") as file:
            yield file
    except OSError as error:  # the system names no file where writing fails
        reason = "it is a FIFO without a reader, or a socket" if error.errno == ENXIO else error.strerror
        raise _error(error.errno or EINVAL, reason or str(error), path) from None


def write_whole(path: Path, content: str | bytes) -> None:
    """Make this the content of a file, text in UTF-8 with line feeds."""
    with writing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _error(number: int, reason: str, path: Path) -> OSError:
    return OSError(number, reason, os.fspath(path))

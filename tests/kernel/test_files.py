"""Names of objects that are not files: an error at once, with its reason and the name."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ockam_fsm.kernel.files import read_whole, reading, write_whole


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def refused(job: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(OSError) as found:  # noqa: PT011 - any of them
        job()
    return found.value.strerror or "", str(found.value.filename)


def test_written_content_is_read_back(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "ä\n")
    write_whole(tmp_path / "file", "ö\n")
    assert read_whole(tmp_path / "file") == "ö\n".encode()
    write_whole(tmp_path / "file", b"\xff")
    with reading(tmp_path / "file") as file:
        assert file.read() == b"\xff"


def test_only_regular_files_are_read(tmp_path: Path, fifo: Path) -> None:
    for path, kind in ((fifo, "a FIFO"), (tmp_path, "a directory"), (Path("/dev/zero"), "a device")):
        reason, name = refused(lambda path=path: reading(path))  # type: ignore[misc]
        assert (kind in reason, name) == (True, str(path))
    reason, name = refused(lambda: reading(tmp_path / "missing"))
    assert name.endswith("missing")


def test_a_file_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert refused(lambda: read_whole(path, 1000)) == ("it is longer than 1000 bytes", str(path))


def test_writing_where_nothing_is_accepted_is_an_error(tmp_path: Path, fifo: Path) -> None:
    assert refused(lambda: write_whole(Path("/dev/full"), "text")) == ("No space left on device", "/dev/full")
    assert refused(lambda: write_whole(fifo, "text")) == ("it is a FIFO without a reader, or a socket", str(fifo))
    assert refused(lambda: write_whole(tmp_path, "text"))[1] == str(tmp_path)
    assert refused(lambda: write_whole(tmp_path / "missing" / "x", "text"))[1].endswith("x")


def test_a_socket_is_not_a_file() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as one:
        path = Path(folder, "socket")
        one.bind(str(path))
        assert "socket" in refused(lambda: write_whole(path, "text"))[0]


def test_a_fifo_with_a_reader_takes_everything(fifo: Path) -> None:
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    content = b"x" * 1_000_000
    reader.start()
    while True:
        try:
            write_whole(fifo, content)
        except OSError:
            continue  # the reader has not opened it yet
        break
    reader.join(30)
    assert read == [content]

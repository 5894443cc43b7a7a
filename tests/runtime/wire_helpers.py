"""Three inputs for every decoder: whole, byte by byte, and followed by garbage; and the captured bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.frames import FRAME_TOO_LARGE, FrameDecoder

VECTORS = Path(__file__).parents[1] / "vectors" / "ockam-elixir-wire.json"
GARBAGE = b"\xff" * 9
T = TypeVar("T")


def records() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["records"]
    return loaded


def drain(decoder: FrameDecoder, chunks: Iterable[bytes]) -> tuple[list[bytes], str | None]:
    """Return the frame bodies, and the reason of the refusal that ended them (None: there was none)."""
    bodies: list[bytes] = []
    try:
        for chunk in chunks:
            for body in decoder.feed(chunk):  # one by one: the frames before a refused one arrive
                bodies.append(body)  # noqa: PERF402
    except RemoteSessionError as error:
        return bodies, error.reason
    return bodies, None


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def frames_three_ways(data: bytes, max_frame_bytes: int = 1 << 16) -> tuple[list[bytes], str | None]:
    whole = FrameDecoder(max_frame_bytes)
    result = drain(whole, [data])
    dribble = FrameDecoder(max_frame_bytes)
    assert drain(dribble, bytewise(data)) == result
    assert dribble.idle == whole.idle
    bodies, reason = result
    if reason is None and whole.started and whole.idle:
        assert drain(FrameDecoder(max_frame_bytes), [data + GARBAGE]) == (bodies, FRAME_TOO_LARGE)
    return result


def value_three_ways(decode: Callable[[bytes], object], data: bytes) -> object:
    """Decode a value, and check that each proper prefix is refused, and so is the value with bytes after it."""
    value = decode(data)
    for end in range(len(data)):
        with pytest.raises(RemoteSessionError):
            decode(data[:end])
    with pytest.raises(RemoteSessionError):
        decode(data + GARBAGE)
    return value


def runs(move: st.SearchStrategy[T], most: int = 40) -> st.SearchStrategy[list[T]]:
    """Short runs, which shrink well, and long ones, in which rare events happen."""
    return st.lists(move, max_size=8) | st.lists(move, min_size=most // 2, max_size=most)


def refused_in_words(family: type[BaseException], call: Callable[[], object]) -> BaseException:
    """Return the error with which a call is refused, and check that it has a text."""
    with pytest.raises(family) as caught:
        call()
    text = caught.value.args[0]
    assert isinstance(text, str), f"no text: {text!r}"
    assert text
    return caught.value

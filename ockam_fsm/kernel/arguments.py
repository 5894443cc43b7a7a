"""Checks of the application's arguments: types, counts, times. A bool is not a number here.

Rule: an error names the argument, the given value and the accepted values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.text import shown

T = TypeVar("T")
MAX_SECONDS = 10 * 365 * 24 * 3600.0


def check_type(name: str, given: object, *kinds: type) -> None:
    """Raise LocalSessionError unless an argument is of one of these types."""
    if not isinstance(given, kinds) or (isinstance(given, bool) and bool not in kinds):
        wanted = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
        article = "an" if wanted[0] in "aeiouAEIOU" else "a"
        raise LocalSessionError(f"{name}: {type(given).__name__}, expected {article} {wanted}")


def encode_utf8(text: str) -> bytes:
    """Return a text in UTF-8. Raises LocalSessionError if UTF-8 cannot encode it."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LocalSessionError(f"{text!r:.60}: UTF-8 cannot encode it: {error.reason}") from None


def check_callable(name: str, given: object) -> None:
    """Raise LocalSessionError unless an argument can be called."""
    if not callable(given):
        raise LocalSessionError(f"{name}: {shown(given)}, expected a function")


def check_path(name: str, path: object) -> Path:
    """Return an argument as a path. Raises LocalSessionError unless it can be the name of a file."""
    check_type(name, path, str, os.PathLike)
    assert isinstance(path, str | os.PathLike)
    try:
        if b"\0" not in os.fsencode(path):
            return Path(path)
    except (TypeError, ValueError):
        pass
    raise LocalSessionError(f"{name}: {shown(path)}, expected the name of a file")


def look_up(what: str, name: object, known: Mapping[str, T]) -> T:
    """Return the object of this name. Raises LocalSessionError with the known names if there is none."""
    if not isinstance(name, str) or name not in known:
        raise LocalSessionError(f"there is no {what} {shown(name)}; there are {', '.join(known)}")
    return known[name]


def check_count(name: str, given: object, least: int = 0) -> None:
    """Raise LocalSessionError unless an argument is a whole number from `least`."""
    if type(given) is not int or given < least:
        raise LocalSessionError(f"{name}: {shown(given)}, expected a whole number from {least}")


def check_seconds(name: str, seconds: object) -> float:
    """Return `seconds`. Raises LocalSessionError unless it is a number from 0 to `MAX_SECONDS` (ten years)."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise LocalSessionError(f"{name}: {type(seconds).__name__}, expected a number of seconds")
    if not 0 <= seconds <= MAX_SECONDS:  # NaN fails every comparison
        raise LocalSessionError(f"{name}: {shown(seconds)} seconds, expected 0 to {MAX_SECONDS:.0f}")
    return seconds

"""Values, which are immutable and compared by their fields, and symbols, which are compared by identity.

Theory: each message creates half a dozen values, and a frozen dataclass takes three times as long to create as a plain
one, because each of its fields is set through `object.__setattr__`. So immutability is checked by the type checker
(`frozen_default`) and not at run time.

Rule 1: this is for objects that are created with every message. All others are frozen dataclasses.
Source: measured with Python 3.11: four fields take 700 ns frozen, 240 ns as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


class Symbol(Enum):
    """An enumeration whose members are hashed by identity. `Enum` hashes their names, in Python, and sets of events and
    timers are looked up several times for each message."""

    __hash__ = object.__hash__


@dataclass_transform(frozen_default=True)
def value(kind: type[T]) -> type[T]:
    """Make a class of values, with slots."""
    return dataclass(slots=True, unsafe_hash=True)(kind)

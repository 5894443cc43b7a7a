"""One text per value, the same in every process: `canonical` orders actions, `spoken` labels them.

`repr` will not do: the order inside a frozenset changes with the hash seed. Values that compare different must print
different in `canonical`, or the order of two messages would depend on which one was met first (the tables check that
for messages). Nothing is decided by what is spoken, so two values may sound alike: an author gives his values a
`label`, or registers how values of a type that he does not own are said: `spoken.register(Type)`.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from functools import singledispatch
from typing import Any


def canonical(value: Any) -> str:
    """`repr`, with sets and mappings in sorted order at every depth."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(map(canonical, value))) + "}"
    if isinstance(value, tuple):
        return _canonical_tuple(value)
    if is_dataclass(value) and fields(value):
        inside = ", ".join(f"{one.name}={canonical(getattr(value, one.name))}" for one in fields(value))
        return f"{type(value).__name__}({inside})"
    return repr(value)


def _canonical_tuple(value: tuple[Any, ...]) -> str:
    inside = ", ".join(map(canonical, value))
    if hasattr(value, "_fields"):  # a NamedTuple
        return f"{type(value).__name__}({inside})"
    return f"({inside},)" if len(value) == 1 else f"({inside})"


@singledispatch
def spoken(value: Any) -> str:
    """For people: a value's `label` if it has one, words without quotes, everything else as `canonical`."""
    label = getattr(value, "label", None)
    if isinstance(label, str):
        return label
    return value if isinstance(value, str) and not isinstance(value, Enum) else canonical(value)

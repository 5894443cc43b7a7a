"""Typed identity of values (`identity`) and texts that are the same in every process: `canonical` sorts actions,
`spoken` labels them.

`repr` is not stable: the order inside a frozenset changes with the hash seed. Different values must have different
`canonical` texts, or the order of two messages would depend on which one was met first (`HandlerCache` checks this for
messages). Labels decide nothing, so two values may have the same one. A value is labelled by its `label` attribute, or
by a function registered for its type: `spoken.register(Type)`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, singledispatch
from typing import Any


def identity(value: Any) -> Hashable:
    """Return a key that is equal for two values only if they are equal *and* of the same type, in all their parts.

    In Python `1 == True`, and NamedTuples of different types with equal fields are equal. A handler can tell them
    apart.
    """
    kind = type(value)
    if kind is str or kind is bytes or value is None:
        return value  # type: ignore[no-any-return]
    if isinstance(value, tuple):
        return (kind, *map(identity, value))
    if isinstance(value, frozenset):
        return (kind, frozenset(map(identity, value)))
    if is_dataclass(value):
        return (kind, *(identity(getattr(value, name)) for name in _compared(kind)))  # type: ignore[arg-type]
    return (kind, value)


def alike(one: Any, other: Any) -> bool:
    """Return whether two equal values have the same `identity`. Much faster where they share parts."""
    kind = type(one)
    if one is other or kind is not type(other):
        return one is other
    if kind in _LEAVES:
        return True
    if isinstance(one, tuple):
        return all(a is b or alike(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, frozenset):
        equal = {part: part for part in other}
        return all(alike(part, equal[part]) for part in one)
    if is_dataclass(one):
        return all(alike(getattr(one, name), getattr(other, name)) for name in _compared(kind))  # type: ignore[arg-type]
    return True


_LEAVES = frozenset({str, bytes, int, bool, float, type(None)})


@cache
def _compared(kind: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.compare)


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
    """Return the label of a value: its `label` attribute, a string without quotes, or else its `canonical` text."""
    label = getattr(value, "label", None)
    if isinstance(label, str):
        return label
    return value if isinstance(value, str) and not isinstance(value, Enum) else canonical(value)

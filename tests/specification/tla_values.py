"""A parser of TLA+ values as printed by TLC.

Rule 1: the parser is strict: text that is not exactly one value is an error with its position.
Rule 2: a record is a dict, a sequence a tuple, a set a frozenset. A function, such as a bag, is a `Function`; an empty
        bag is an empty sequence, because TLC prints both alike.
Left out: model values, intervals, strings with escapes and sets of records; TLC prints none of them for our variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

Value: TypeAlias = Any
"""int, bool, str, dict, tuple, frozenset or Function."""

_TOKEN = re.compile(r'\s*(<<|>>|\|->|:>|@@|[\[\]{}(),]|"[^"\\]*"|-?\d+|[A-Za-z_]\w*)')
_WORDS = {"TRUE": True, "FALSE": False}
_CLOSED = {"<<": ">>", "{": "}", "[": "]"}


class NoValue(ValueError):
    """The text is not exactly one value."""


class Function(NamedTuple):
    """A function: its arguments with their values, in TLC's order."""

    pairs: tuple[tuple[Value, Value], ...]


def value(text: str) -> Value:
    """Parse a value.

    Raises:
        NoValue: the text is not exactly one value.
    """
    reader = _Reader(text)
    found = reader.value()
    if reader.token:
        raise NoValue(f"{reader.token!r} after the value at {reader.at}")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self.token, self.at = "", 0
        self._next()

    def _next(self) -> None:
        self.token, self.at = next(self._tokens)

    def _take(self, wanted: str) -> None:
        if self.token != wanted:
            raise NoValue(f"{self.token or 'the end'!r} at {self.at}, where {wanted!r} is expected")
        self._next()

    def value(self) -> Value:
        token = self.token
        if token in _CLOSED:
            return self._listed(token)
        if token == "(":
            return self._function()
        if token in _WORDS:
            found: Value = _WORDS[token]
        elif token.startswith('"'):
            found = token[1:-1]
        elif token.lstrip("-").isdigit():
            found = int(token)
        else:
            raise NoValue(f"{token or 'the end'!r} at {self.at}, where a value is expected")
        self._next()
        return found

    def _listed(self, opened: str) -> Value:
        """Parse a list in brackets, separated by commas."""
        self._next()
        items: list[Value] = []
        while self.token != _CLOSED[opened]:
            if items:
                self._take(",")
            items.append(self._field() if opened == "[" else self.value())
        self._next()
        if opened == "<<":
            return tuple(items)
        try:
            return _distinct(items, dict if opened == "[" else frozenset)
        except (TypeError, ValueError) as error:
            raise NoValue(f"{error} before {self.at}") from None

    def _field(self) -> tuple[str, Value]:
        name = self.token
        if not name.isidentifier():
            raise NoValue(f"{name or 'the end'!r} at {self.at}, where the name of a field is expected")
        self._next()
        self._take("|->")
        return name, self.value()

    def _function(self) -> Function:
        """Parse a function: (argument :> value @@ argument :> value)."""
        pairs: list[tuple[Value, Value]] = []
        self._take("(")
        while not pairs or self.token == "@@":
            if pairs:
                self._next()
            argument = self.value()
            self._take(":>")
            pairs.append((argument, self.value()))
        self._take(")")
        return Function(tuple(pairs))


def _distinct(items: list[Value], make: Callable[[list[Value]], Any]) -> Value:
    found = make(items)
    if len(found) != len(items):
        raise ValueError("a duplicate element")
    return found


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Yield the tokens with their positions, and then endlessly the end."""
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise NoValue(f"{text[at : at + 10]!r} at {at} is not part of a value")
        yield found[1], at
        at = found.end()
    while True:
        yield "", end

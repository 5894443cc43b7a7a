"""Neutral forms of untrusted text, and docstrings even where Python strips them.

Theory: a peer may send any text. Control characters move a terminal's cursor or set its title, format characters
reverse the displayed order, a line break forges a line of a log. None of them is printed unescaped.

Rule 1: `neutral` is for every text that may come from a peer. It does not change a neutral text.
Rule 2: a module or a function is described in its docstring, once. `python -OO` strips docstrings, so `docstring_of`
        reads the source there.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any


def neutral(text: str, keep: str = "") -> str:
    """Return the text with an escape for each character that is not printable; those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in text)


def shown(value: object, most: int = 60) -> str:
    """Return the beginning of a `repr`, also for an object of the application whose `repr` fails."""
    try:
        return repr(value)[:most]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"<{type(value).__name__}>"


def docstring_of(what: ModuleType | Callable[..., Any]) -> str:
    """Return the docstring of a module or a function; empty without a docstring and a source."""
    if what.__doc__ is not None:
        return inspect.cleandoc(what.__doc__)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(what)))
    except (OSError, TypeError):
        return ""
    found = tree if isinstance(what, ModuleType) else tree.body[0]
    assert isinstance(found, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef)
    return ast.get_docstring(found) or ""

"""Text of others made harmless, and our own text where docstrings are stripped.

Theory: a peer says anything. Control characters move a terminal's cursor or write its title, format characters turn
the order of what is read round, a line break forges a line of a log. None of them is put out as it came.

Rule 1: `neutral` is for every text that may be a peer's. A text that is neutral is not changed by it.
Rule 2: a module or a function says what it is in its docstring, once. `python -OO` has no docstrings, so `described`
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
    """The text with an escape in place of each character that is not printable; those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in text)


def shown(value: object, most: int = 60) -> str:
    """The beginning of a `repr`, also of an object of the application whose `repr` fails."""
    try:
        return repr(value)[:most]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"<{type(value).__name__}>"


def described(what: ModuleType | Callable[..., Any]) -> str:
    """The docstring of a module or a function; empty where there is neither one nor a source."""
    if what.__doc__ is not None:
        return inspect.cleandoc(what.__doc__)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(what)))
    except (OSError, TypeError):
        return ""
    found = tree if isinstance(what, ModuleType) else tree.body[0]
    assert isinstance(found, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef)
    return ast.get_docstring(found) or ""

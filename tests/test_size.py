"""Size limits: functions of at most 40 lines, modules of at most 450, but for `LONGER` (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ockam_fsm"
MODULE_LINES, FUNCTION_LINES = 450, 40

LONGER = {
    "runtime/node/session_workers.py": 480,
    "runtime/session/session.py": 1000,
}
"""Modules of one class whose inside is private, with limits of their own: two halves would have to share it."""


def lines_of(body: list[ast.stmt]) -> int:
    """Return the lines of a body without the signature, which options make long, and without the docstring."""
    first, end = body[0], body[-1].end_lineno or 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return end - (first.end_lineno or 0)
    return end - first.lineno + 1


def too_long(text: str, module_lines: int = MODULE_LINES) -> Iterator[str]:
    if (lines := len(text.splitlines())) > module_lines:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node.body) > FUNCTION_LINES:
            yield f"{node.name}: {lines_of(node.body)} lines"


def test_nothing_is_too_long() -> None:
    texts = {file.relative_to(PACKAGE).as_posix(): file.read_text() for file in sorted(PACKAGE.rglob("*.py"))}
    limits = dict.fromkeys(texts, MODULE_LINES) | LONGER
    assert limits.keys() == texts.keys()
    assert [f"{name} {found}" for name, text in texts.items() for found in too_long(text, limits[name])] == []


def test_a_limit_of_its_own_is_needed() -> None:
    lines = {name: len((PACKAGE / name).read_text().splitlines()) for name in LONGER}
    assert [name for name, limit in LONGER.items() if not MODULE_LINES < lines[name] <= limit] == []


def test_long_functions_and_modules_are_detected() -> None:
    long = "def f():\n    '''A docstring.'''\n" + "    pass\n" * 41
    assert list(too_long(long)) == ["f: 41 lines"]
    assert list(too_long(long.replace("    pass\n", "", 1))) == []
    assert list(too_long("pass\n" * (MODULE_LINES + 1))) == [f"{MODULE_LINES + 1} lines"]

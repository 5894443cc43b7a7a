"""The public names and the snippets of the README, both of which users rely on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import ockam_fsm
from tests.kernel.test_pickling import exceptions

ROOT = Path(__file__).parents[1]
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_every_public_name_exists_once() -> None:
    assert len(set(ockam_fsm.__all__)) == len(ockam_fsm.__all__)
    assert all(hasattr(ockam_fsm, name) for name in ockam_fsm.__all__)


def test_every_public_name_is_listed() -> None:
    """Names with a lazy import are known to the module by name only."""
    helpers = {"annotations", "Any", "TYPE_CHECKING"}
    folders = {
        "kernel",
        "machines",
        "runtime",
        "safety",
        "checking",
        "specification",
        "storage",
        "secure",
        "net",
        "simulation",
        "tools",
        "projections",
        "conformance",
        "explorer",
        "demo",
        "cli",
    }
    found = {name for name in vars(ockam_fsm) if not name.startswith("_")} - helpers - folders
    assert found | set(ockam_fsm._ON_FIRST_USE) == set(ockam_fsm.__all__)


def test_checking_machines_does_not_import_asyncio() -> None:
    told = "import sys, ockam_fsm as o; print('asyncio' in sys.modules, o.TcpNode.__name__, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "TcpNode", "True"]


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="TcpNoed"):
        ockam_fsm.TcpNoed  # noqa: B018


def test_the_readme_has_snippets() -> None:
    assert len(SNIPPETS) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_readme_snippets_run_unchanged(number: int, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(SNIPPETS[number])
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


INTERNAL = {"TooNarrow", "Outgrown", "Unjudged", "CaseOutcome"}
"""Internal exceptions: they and their subclasses end a computation within a module or two and never reach a user."""


def test_every_error_has_one_base() -> None:
    found = {kind for kind in exceptions() if not kind.__name__.startswith("_")}
    families = {base.__name__: {one.__name__ for one in base.__mro__} for base in found}
    assert {name for name, bases in families.items() if not bases & {"Error", *INTERNAL}} == set()
    assert len(found) > 20


def test_the_version() -> None:
    assert ockam_fsm.__version__ == version("ockam-fsm")


@pytest.mark.parametrize(
    "made",
    [
        lambda: ockam_fsm.table("explicit-transient", "initiator"),
        lambda: ockam_fsm.EXPLICIT_TRANSIENT,
        lambda: ockam_fsm.REQUEST,
        ockam_fsm.TcpNode,
        ockam_fsm.secure_profile,
        ockam_fsm.MemoryStorage,
        lambda: ockam_fsm.GENERATION,
        lambda: ockam_fsm.Message((ockam_fsm.local("a"),), (), b"x"),
    ],
)  # fmt: skip
def test_a_public_object_is_shown_in_a_short_line(made: Callable[[], object]) -> None:
    shown = repr(made())
    assert len(shown) <= 120
    assert "\n" not in shown
    assert " at 0x" not in shown


def test_the_first_snippet_of_the_readme_is_typed(tmp_path: Path) -> None:
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPETS[0])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", os.devnull, str(file)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

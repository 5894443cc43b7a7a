"""What users import, and what the README shows them: both are promises, so both are run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ockam_fsm

ROOT = Path(__file__).parents[1]
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_every_public_name_is_there_once() -> None:
    assert len(set(ockam_fsm.__all__)) == len(ockam_fsm.__all__)
    assert all(hasattr(ockam_fsm, name) for name in ockam_fsm.__all__)


def test_nothing_public_is_left_unlisted() -> None:
    """What is imported when first used is known to the module by name only."""
    helpers = {"annotations", "Any", "TYPE_CHECKING"}
    folders = {
        "kernel",
        "machines",
        "runtime",
        "checking",
        "specification",
        "storage",
        "secure",
        "net",
        "simulation",
        "tools",
        "projections",
        "conformance",
        "demo",
        "cli",
    }
    found = {name for name in vars(ockam_fsm) if not name.startswith("_")} - helpers - folders
    assert found | set(ockam_fsm._ON_FIRST_USE) == set(ockam_fsm.__all__)


def test_who_only_checks_machines_does_not_pay_for_asyncio() -> None:
    told = "import sys, ockam_fsm as o; print('asyncio' in sys.modules, o.TcpNode.__name__, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "TcpNode", "True"]


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="TcpNoed"):
        ockam_fsm.TcpNoed  # noqa: B018


def test_the_readme_has_snippets() -> None:
    assert len(SNIPPETS) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_readme_snippets_run_as_they_stand(number: int, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(SNIPPETS[number])
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

"""The generated files under `diagrams/` and `spec/` are up to date."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_render_check_is_clean() -> None:
    result = CliRunner().invoke(app, ["render", "--check", "--json", "--into", str(ROOT)])
    assert result.exit_code == 0, f"run `ockam-fsm render` and commit the changed files: {result.output}"
    assert json.loads(result.stdout)["differs"] is False

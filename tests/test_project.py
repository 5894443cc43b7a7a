"""Facts that the project states in several places agree: Python versions, make targets, versions and dates."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):.* ## ", MAKEFILE, re.MULTILINE))


def declared() -> list[str]:
    """Return the Python versions of the classifiers."""
    of_python = (one.removeprefix("Programming Language :: Python :: ") for one in PROJECT["classifiers"])
    return [one for one in of_python if re.fullmatch(r"3\.\d+", one)]


def test_every_declared_python_is_tested() -> None:
    (matrix,) = re.findall(r"python-version: \[(.*)\]", (ROOT / ".github/workflows/test.yml").read_text())
    assert re.findall(r'"(.*?)"', matrix) == declared()
    assert PROJECT["requires-python"] == f">={declared()[0]}"


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))
def test_a_workflow_runs_targets_and_may_only_read(file: Path) -> None:
    text = file.read_text()
    ordered = [target for line in re.findall(r"run: make (.*)", text) for target in line.split()]
    assert ordered
    assert set(ordered) <= TARGETS
    assert re.findall(r"^permissions:\n((?:  .*\n)+)", text, re.MULTILINE) == ["  contents: read\n"]
    assert len(re.findall(r"permissions:", text)) == 1
    actions = re.findall(r"uses: (.*)", text)
    assert [one for one in actions if not re.fullmatch(r"actions/[a-z-]+@v\d+", one)] == []
    assert text.count("persist-credentials: false") == actions.count("actions/checkout@v6")


def test_there_are_workflows() -> None:
    assert [file.name for file in WORKFLOWS] == ["newest.yml", "test.yml"]


def test_the_pre_commit_hook_runs_lint() -> None:
    assert re.findall(r"entry: (.*)", (ROOT / ".pre-commit-config.yaml").read_text()) == ["make lint"]
    assert "lint" in TARGETS


def test_every_target_is_phony_and_listed() -> None:
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE)
    assert phony is not None
    assert set(phony[1].replace("\\\n", "").split()) == TARGETS


def test_every_version_in_the_changelog_has_a_date_and_the_newest_is_the_project_s() -> None:
    first, *released = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first == "[Unreleased]"
    dated = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", one) for one in released]
    assert None not in dated, released
    versions = [one[1] for one in dated if one]
    days = [date.fromisoformat(one[2]) for one in dated if one]
    assert versions[0] == PROJECT["version"]
    assert days == sorted(days, reverse=True)

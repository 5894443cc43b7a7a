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


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
FILE = r"(?:[\w-]+/)*[\w-]+\.(?:py|md|tla|pml|js|json|toml|txt)"


def file_of(path: str) -> Path | None:
    """The file that a document means: by its path in the repository or in the package, or by its name alone."""
    found = [place for place in (ROOT / path, ROOT / "ockam_fsm" / path) if place.is_file()]
    return next(iter(found or (() if "/" in path else (ROOT / "tests").rglob(path))), None)


def missing(text: str) -> list[str]:
    """The files that a text names and that do not exist, and the names that are not in the file that it names."""
    files = [path for path in re.findall(rf"`({FILE})`", text) if file_of(path) is None]
    pairs = re.findall(rf"`(\w+)` in `({FILE})`", text)
    absent = [
        name for name, path in pairs if (file := file_of(path)) and not re.search(rf"\b{name}\b", file.read_text())
    ]
    return files + absent


def test_the_files_and_names_of_a_change_exist() -> None:
    assert len(re.findall(rf"`{FILE}`", CONTRIBUTING)) > 100
    assert missing(CONTRIBUTING) == []


def test_a_file_or_name_that_is_gone_is_found() -> None:
    assert missing("`machines/gone.py`, `gone.py`; `COMMANDS` in `cli/app.py`") == ["machines/gone.py", "gone.py"]
    assert missing("`GONE` in `cli/app.py`") == ["GONE"]

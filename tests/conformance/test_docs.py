"""docs/conformance.md names existing options and files and the right numbers of defects."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sized
from pathlib import Path
from typing import Any

import typer

from ockam_fsm.cli import app
from ockam_fsm.conformance.report.expected_deviations import read_expected
from tests.conformance.test_wire_initiators import MUTANTS as INITIATORS
from tests.conformance.test_wire_mutants import MUTANTS as RESPONDERS
from tests.conformance.test_wire_stream_clients import MUTANTS as CLIENTS
from tests.conformance.test_wire_streams import MUTANTS as STREAMS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "conformance.md").read_text()
WORDS = {15: "fifteen", 30: "thirty", 36: "thirty-six", 46: "forty-six"}
TRIED: dict[str, Sized] = {"responders": RESPONDERS, "initiators": INITIATORS, "stream services": STREAMS,
         "publishers and consumers": CLIENTS}  # fmt: skip


def test_every_option_exists() -> None:
    group: Any = typer.main.get_command(app)
    known = {
        name
        for one in ("conform", "node", "session", "consume")
        for option in group.get_command(None, one).params
        for name in option.opts
    }
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= known


def test_the_numbers_of_defects_are_right() -> None:
    for what, defects in TRIED.items():
        assert f"{WORDS[len(defects)]} {what}" in TEXT


def test_the_example_of_expected_deviations_is_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert tomllib.loads(example)
    assert [one.case for one in read_expected(example, "expected.toml")] == ["fresh-addresses"]


def test_named_files_exist() -> None:
    for name in re.findall(r"`(tests/[\w/]+\.py)`|`(\w+\.py)`", TEXT):
        path = ROOT / name[0] if name[0] else ROOT / "tests" / "conformance" / name[1]
        assert path.exists(), path

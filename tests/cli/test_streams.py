"""Standard streams that are full, closed, or without Unicode; and an interpreter without docstrings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from ockam_fsm.cli import COMMANDS
from ockam_fsm.cli.app import err, out, print_document, print_json
from ockam_fsm.cli.shared.streams import ASCII
from tests.net.ports import nowhere

COMMAND = [sys.executable, "-m", "ockam_fsm.cli"]
NO_UNICODE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PRINTING = [
    ["types"],
    ["types", "--json"],
    ["show", "explicit-transient"],
    ["show", "explicit-transient", "--format", "svg"],
    ["replay", "no-generation", "0/0"],
    ["--help"],
    ["node", "--listen", "127.0.0.1:0"],
]
"""Commands that print in each possible way."""


def shell(words: list[str], redirected: str, **environment: str) -> tuple[int, str, str]:
    """Run a command with redirections in a shell; return the exit code and the outputs."""
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *COMMAND, *words],
        capture_output=True, check=False, timeout=60, env=os.environ | environment,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(words: list[str]) -> None:
    for redirected, reason in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        code, _, err = shell(words, redirected)
        assert code == 2
        assert err.splitlines()[0] == f"error: cannot write to standard output: {reason}."
        assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_closed_streams_cause_no_output(words: list[str], tmp_path: Path) -> None:
    assert shell(words, "<&- >&- 2>&-") == (2, "", "")
    if words[0] != "node":
        code, out, err = shell(words, "<&- 2>/dev/full")
        assert (code, bool(out), err) == (0, True, "")


@pytest.mark.slow
@pytest.mark.parametrize("words", [*PRINTING, ["session", "tcp://NOWHERE/x"]], ids=" ".join)
def test_a_closed_reader_ends_a_command_silently(words: list[str]) -> None:
    words = [word.replace("NOWHERE", nowhere()) for word in words]
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.slow
def test_an_error_has_its_exit_code_without_standard_error() -> None:
    assert shell(["types", "--nonsense"], "2>/dev/full")[0] == 2
    assert shell(["send", f"tcp://{nowhere()}/echo", "x"], "2>&-")[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("environment", [NO_UNICODE, {"PYTHONIOENCODING": "ascii"}], ids=["locale", "encoding"])
def test_without_unicode_charts_and_tables_have_ascii_forms(environment: dict[str, str]) -> None:
    for words in (["replay", "no-generation", "0/0", "--choices"], ["show", "explicit-transient"], ["--help"]):
        code, out, err = shell(words, "", **environment)
        plain = shell(words, "")[1]
        assert (code, err, out.isascii()) == (0, "", True)
        assert out.count("?") == plain.count("?")
        assert "\\u" not in out
    assert {len(form) for shape, form in ASCII.items() if shape in "│─╌▶◀×→"} == {1}


@pytest.mark.slow
def test_a_file_for_another_tool_is_always_in_utf8() -> None:
    words = ["show", "explicit-transient", "--format", "dot"]
    assert shell(words, "", **NO_UNICODE) == shell(words, "")


def test_json_is_ascii_and_documents_are_utf8(capfd: pytest.CaptureFixture[str]) -> None:
    print_json({"é\x9b": "\u202e\ud800"})
    print_document("é\n")
    out, _ = capfd.readouterr()
    assert out == '{\n  "\\u00e9\\u009b": "\\u202e\\ud800"\n}\né\n'


def test_consoles_neutralise_text_of_peers(capfd: pytest.CaptureFixture[str]) -> None:
    table = Table("\x1b]0;head")
    table.add_row("\x9b2J\u202e[red]:smile:")
    for console in (out(), err()):
        console.print("\x1b[31m[link=x]y[/link] :smile:\n\tnext")
        console.print(table)
    for shown in capfd.readouterr():
        assert all(line.isprintable() for line in shown.replace("\t", "").splitlines())
        for text in (r"\x1b[31m[link=x]y[/link] :smile:", r"\x1b]0;head", r"\x9b2J\u202e[r"):
            assert text in shown


@pytest.mark.thorough
def test_help_is_complete_without_docstrings() -> None:
    for words in ([], ["types"], *([command, "--help"] for command in COMMANDS)):
        assert shell(words, "", PYTHONOPTIMIZE="2") == shell(words, "")

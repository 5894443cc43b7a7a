"""Every command line in a document or a help text is accepted by `ockam-fsm`, and can be pasted.

All of them are parsed by the command itself; those that need neither the network nor much time are also run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ockam_fsm.cli import COMMANDS, app
from ockam_fsm.cli.app import DIFFERS, OK

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("spec/*.md"),
    *ROOT.glob("spec/traces/*.md"),
    *ROOT.glob("benchmarks/*.md"),
    *ROOT.glob("examples/**/*.py"),
]
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(ockam-fsm [^`]+)`")
BULLET = re.compile(r"^ *\* ``?(.*?)``?$", re.MULTILINE)
HELP_WIDTH = 80
UNFINISHED = re.compile("^MissingParameter|requires an argument")
QUICK = {"types", "show", "replay", "export", "validate"}
PLACEHOLDER = re.compile(r"TYPE|TRACE|NAME|NEAR|FAR|my_protocol|run\.jsonl|near\.jsonl|failing\.jsonl|--tlc")
"""Placeholders for files and names of the reader."""


def own_commands(line: str) -> Iterator[list[str]]:
    """The arguments of each `ockam-fsm` in a shell line, without ellipses (`...`)."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            if words[:1] == ["ockam-fsm"]:
                yield words[1:]
            words = []
        elif word != "...":
            words.append(word)


def pasted() -> Iterator[tuple[str, str]]:
    """(place, line) of all lines meant to be pasted: code blocks, and the examples of the help texts."""
    for document in DOCUMENTS:
        for block in FENCE.findall(document.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                if re.search(r"(^|[|&] *)ockam-fsm ", line.strip()):
                    yield document.name, line
    for name in COMMANDS:
        for line in examples(name):
            yield f"{name} --help", line


def named() -> Iterator[tuple[str, str]]:
    """Commands in running text. They may lack required arguments: `ockam-fsm validate` may be just a name."""
    for document in DOCUMENTS:
        if document.name != "CHANGELOG.md":  # it names old commands
            for line in INLINE.findall(FENCE.sub("", document.read_text())):
                yield document.name, line.replace("\n", " ")


def command_of(name: str) -> Any:
    group: Any = typer.main.get_command(app)
    return group.get_command(typer.Context(group), name)


def examples(name: str) -> list[str]:
    _, _, after = str(command_of(name).help).partition("Examples:")
    return BULLET.findall(after)


def problem(words: list[str]) -> str:
    """Return the reason why a command does not accept these words; empty if it does."""
    if not words or words[0].startswith("-"):
        return ""
    if words[0] not in COMMANDS:
        return f"there is no command {words[0]}"
    try:
        command_of(words[0]).make_context(words[0], words[1:])
    except typer.TyperException as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_lines_to_paste_are_accepted() -> None:
    lines = list(pasted())
    assert len(lines) > 70
    wrong = [(place, line, why) for place, line in lines for words in own_commands(line) if (why := problem(words))]
    assert wrong == []


def test_commands_in_running_text_are_accepted() -> None:
    lines = list(named())
    assert len(lines) > 30
    wrong = [
        (place, line, why)
        for place, line in lines
        for words in own_commands(line)
        if (why := problem(words)) and not UNFINISHED.search(why)
    ]
    assert wrong == []


@pytest.mark.parametrize("line", ["ockam-fsm simulate --under TYPE", "ockam-fsm shwo x", "seq 3 | ockam-fsm show"])
def test_a_wrong_line_is_detected(line: str) -> None:
    assert [problem(words) for words in own_commands(line)] != [""]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_example_of_a_help_is_on_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it cannot be pasted: a wrapped line is two commands, and a remark without # is an argument."""
    monkeypatch.setenv("COLUMNS", str(HELP_WIDTH))
    shown = CliRunner().invoke(app, [name, "--help"]).stdout
    after = shown.partition("Examples:")[2].partition("╭")[0]
    lines = [line.strip().removeprefix("• ") for line in after.splitlines() if line.strip()]
    assert lines == examples(name) != []
    assert max(map(len, shown.splitlines())) <= HELP_WIDTH


@pytest.mark.slow
def test_lines_without_network_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec").symlink_to(ROOT / "spec")
    found = dict.fromkeys(line for _, line in pasted() if not PLACEHOLDER.search(line.partition("#")[0]))
    ran = 0
    for words in (words for line in found for words in own_commands(line)):
        if words[0] in QUICK:
            result = CliRunner().invoke(app, words)
            expected = DIFFERS if "spec/traces/rejected/sequence-gap.jsonl" in words else OK
            assert result.exit_code == expected, (words, result.output)
            ran += 1
    assert ran > 12

"""Arguments that no command can use: an error that names them, exit code 2, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app

NODE = "tcp://127.0.0.1:1"
BIG, HUGE = "9" * 20, "9" * 5000
WHOLE = [
    ["check", "no-generation", "--limit-states"],
    ["check", "no-generation", "--workers"],
    ["simulate", "--steps"],
    ["simulate", "--runs"],
    ["simulate", "--seed"],
    ["pipelines", "--seed"],
    ["pipelines", "--runs"],
    ["spec", "--workers"],
    ["node", "--listen", "127.0.0.1:0", "--capacity"],
    ["node", "--listen", "127.0.0.1:0", "--trace-size"],
    ["session", f"{NODE}/x", "--trace-size"],
    ["conform", NODE, "--spawner", "s", "--capacity"],
]
SECONDS = [
    ["check", "no-generation", "--limit-seconds"],
    ["send", f"{NODE}/echo", "x", "--timeout"],
    ["session", f"{NODE}/echo", "--timeout"],
    ["conform", NODE, "--spawner", "s", "--patience"],
    ["conform", NODE, "--spawner", "s", "--limit"],
    ["conform", NODE, "--spawner", "s", "--wait"],
]
TEXT = [
    ["check", "TEXT"],
    ["check", "--from", "TEXT:WORLD"],
    ["check", "explicit-transient:lossy", "--bound", "TEXT"],
    ["show", "TEXT"],
    ["export", "TEXT", "--to", "json"],
    ["export", "explicit-transient", "--to", "TEXT"],
    ["replay", "no-generation", "TEXT"],
    ["simulate", "--type", "TEXT"],
    ["simulate", "--profile", "TEXT"],
    ["simulate", "--faults", "TEXT"],
    ["spec", "TEXT"],
    ["validate", "spec/traces/accepted/life.jsonl", "--allow", "TEXT"],
    ["node", "--listen", "TEXT"],
    ["node", "--listen", "127.0.0.1:0", "--type", "TEXT"],
    ["node", "--listen", "127.0.0.1:0", "--log", "TEXT"],
    ["node", "--listen", "127.0.0.1:0", "--durations", "TEXT"],
    ["send", "TEXT#x", "x"],
    ["send", "tcp://TEXT/x", "x"],
    ["session", f"{NODE}/x", "--type", "TEXT"],
    ["conform", "TEXT"],
    ["conform", "tcp://TEXT", "--spawner", "s"],
    ["conform", NODE, "--spawner", "s", "--durations", "idle=TEXT"],
    ["conform", NODE, "--spawner", "s", "--only", "TEXT"],
    ["conform", NODE, "--spawner", "s", "--as", "TEXT"],
    ["x", "TEXT"],
]
NO_TEXT = [
    ["send", f"{NODE}/echo", "TEXT"],
    ["send", f"{NODE}/echo", "x", "--tracing", "TEXT"],
    ["send", f"{NODE}/TEXT", "x"],
    ["session", f"{NODE}/x", "--message", "TEXT"],
    ["conform", NODE, "--spawner", "TEXT"],
    ["conform", NODE, "--spawner", "s", "--echo", "TEXT"],
    ["conform", "--pipe", "TEXT"],
]
"""Arguments that accept any valid text."""
READ = [
    ["replay"],
    ["validate"],
    ["check", "all", "--pin"],
    ["conform", NODE, "--spawner", "s", "--expect"],
    ["node", "--listen", "127.0.0.1:0", "--trace"],
    ["session", f"{NODE}/x", "--trace"],
]
WRITTEN = [
    ["replay", "no-generation", "0", "--svg"],
    ["show", "explicit-transient", "--output"],
    ["export", "explicit-transient", "--to", "json", "--output"],
    ["simulate", "--type", "explicit-transient", "--steps", "10", "--trace"],
    ["validate", "spec/traces/accepted/life.jsonl", "--merged"],
]


def refused(words: list[str]) -> str:
    """Return the error of a call that must end with exit code 2."""
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    assert (result.exit_code, result.stdout) == (2, ""), words
    assert result.stderr
    return result.stderr


def said(text: str) -> str:
    """Return the text without the frame of usage errors, and without spaces."""
    return "".join(text.replace("│", "").split())


@pytest.mark.parametrize("words", WHOLE, ids=" ".join)
@pytest.mark.parametrize("given", [BIG, HUGE, f"-{BIG}", "1.5", "", "x", "nan"], ids=lambda given: given[:20])
def test_numbers_out_of_range_are_refused(words: list[str], given: str) -> None:
    assert words[-1] in refused([*words[:-1], f"{words[-1]}={given}"])


@pytest.mark.parametrize("words", SECONDS, ids=" ".join)
@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "1e9", "1e400", BIG, "-1", "", "soon"], ids=str)
def test_seconds_out_of_range_are_refused(words: list[str], given: str) -> None:
    assert words[-1] in refused([*words[:-1], f"{words[-1]}={given}"])


@pytest.mark.parametrize("words", TEXT, ids=" ".join)
@pytest.mark.parametrize(
    "given", [BIG, HUGE, "", "\0", "\udcff", "a..b", "a" * 300, "\x1b[31m", "[red]", "x:" + HUGE, "in_flight=" + BIG],
    ids=lambda given: ascii(given[:12]),
)  # fmt: skip
def test_invalid_texts_are_refused(words: list[str], given: str) -> None:
    if given or words[-2] not in ("--type", "--faults", "--durations", "--bound", "no-generation"):
        assert "\x1b[31m" not in refused([word.replace("TEXT", given) for word in words])


@pytest.mark.parametrize("words", NO_TEXT, ids=" ".join)
@pytest.mark.parametrize("given", ["\udcff", "caf\udce9", "\0"], ids=ascii)
def test_text_that_is_not_utf8_is_refused(words: list[str], given: str) -> None:
    error = said(refused([word.replace("TEXT", given) for word in words]))
    assert "isnottextinUTF-8" in error or "hasaNULcharacter" in error


@pytest.mark.slow
@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_only_regular_files_are_read(words: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in ("/dev/zero", "/dev/full", tmp_path / "fifo", tmp_path, tmp_path / "nowhere" / "x", "\0", ""):
        assert refused([*words, str(path)])


@pytest.mark.slow
@pytest.mark.parametrize("words", WRITTEN, ids=" ".join)
def test_an_unwritable_file_is_an_error(words: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, tmp_path / "no" / "where" / "x", "\0"):
        assert refused([*words, str(path)])
    result = CliRunner().invoke(app, [*words, "/dev/full"])  # results are not lost
    assert (result.exit_code, "No space left on device" in result.stderr) == (2, True)


MODULES = {
    "quits": ("import sys; sys.exit(0)", "it ended the program with exit code 0 (quits.py, line 1)"),
    "raises": ("1 / 0", "it raised ZeroDivisionError: division by zero (raises.py, line 1)"),
    "broken": ("x = (", "it raised SyntaxError"),
    "lacks": ("import missing_elsewhere", "it raised ModuleNotFoundError: No module named 'missing_elsewhere'"),
    "late": ("def WORLD(): raise ValueError('\\x1b[31mlate')", r"it raised ValueError: \x1b[31mlate (late.py, line 1)"),
    "three": ("WORLD = 3", "is a int, not a World"),
    "empty": ("", "has no 'WORLD'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_an_unusable_module_is_named(name: str, tmp_path: Path) -> None:
    source, found = MODULES[name]
    (tmp_path / f"{name}.py").write_text(source)
    for words in (["check"], ["replay", "0"]):
        code, err = in_folder(tmp_path, *words, "--from", f"{name}:WORLD")
        assert (code, found in err, name in err) == (2, True, True), err


@pytest.mark.slow
def test_a_path_in_place_of_a_module_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    code, err = in_folder(tmp_path, "check", "--from", "./mine.py:WORLD")
    assert (code, "--from mine:WORLD" in err) == (2, True)


def in_folder(folder: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "ockam_fsm.cli", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.slow
def test_bytes_of_the_shell_that_are_not_utf8_are_refused() -> None:
    command: list[str | bytes] = [sys.executable, "-m", "ockam_fsm.cli", "send", f"{NODE}/echo", b"\xff"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert rb"b'\xff' is not text in UTF-8" in done.stderr


def test_markup_and_escapes_in_arguments_are_neutralised() -> None:
    assert "[red]" in refused(["show", "[red]\x1b]0;x\x07"])
    assert "\x1b]" not in refused(["show", "[red]\x1b]0;x\x07"])


@pytest.mark.slow
def test_a_defect_is_one_line(tmp_path: Path) -> None:
    told = "import ockam_fsm.cli as c; c.app = lambda: 1 / 0; c.main()"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "ZeroDivisionError: division by zero (<string>, line 1)" in done.stderr
    assert "Traceback" not in done.stderr
    environment = os.environ | {"OCKAM_FSM_TRACEBACK": "1"}
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False, env=environment)
    assert "Traceback" in done.stderr

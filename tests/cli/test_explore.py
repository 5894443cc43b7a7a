"""`ockam-fsm explore`: a page as a file, and the server until Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app, explore
from ockam_fsm.cli.app import OK, USAGE
from ockam_fsm.explorer.server import ExplorerServer
from tests.explorer.pages import content_of

OWN = "tests.cli.own_worlds:WORLD"
PATIENCE_SECONDS = 120.0


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def invoke(*arguments: str) -> Any:  # typer's runner has no public name for it
    return CliRunner().invoke(app, ["explore", *arguments])


@pytest.mark.slow
def test_a_type_stands_for_its_closed_world(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    result = invoke("explicit-transient", "--html", str(file), "--states", "30")
    assert result.exit_code == OK, result.output
    content = content_of(file.read_text())
    assert content["world"]["name"] == "explicit-transient:closed"
    assert content["command"] == ["ockam-fsm replay explicit-transient:closed", ""]
    assert len(content["graph"]["states"]) == 30
    assert 'data-row="XT1"' in content["tables"]["explicit-transient initiator"]["picture"]


@pytest.mark.slow
def test_a_known_bad_machine_opens_at_its_counterexample(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    result = invoke("no-generation", "--html", str(file), "--states", "50")
    assert result.exit_code == OK, result.output
    content = content_of(file.read_text())
    assert (content["path"], content["rejected_by"]) == ("0/0/1/1/1", "S4")
    assert [one["verdict"] for one in content["properties"]] == ["REFUTED"]


def test_a_world_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    result = invoke("--from", OWN, "--bound", "in_flight=1", "--html", str(file))
    assert result.exit_code == OK, result.output
    content = content_of(file.read_text())
    assert content["command"] == [f"ockam-fsm replay --from {OWN}", " --bound in_flight=1"]
    assert content["world"]["bounds"]["in_flight"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is nothing to explore"),
        (("explicit-transiet",), "there is no world"),
        (("--from", OWN, "--bound", "nothing=1"), "there is no bound"),
        (("--from", OWN, "--html", "/nowhere/page.html"), "cannot write"),
        (("--from", "tests.cli.own_worlds:exiting", "--html", "/dev/null"), "exit code"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == USAGE
    assert words in result.stderr


def test_a_port_in_use_is_an_error() -> None:
    from tests.cli.own_worlds import WORLD

    with ExplorerServer("", WORLD, "token") as taken:
        result = invoke("--from", OWN, "--no-browser", "--port", str(taken.server_port))
    assert result.exit_code == USAGE
    assert "cannot listen on port" in result.stderr


@pytest.mark.parametrize(("option", "opens"), [("--browser", True), ("--no-browser", False)])
def test_the_link_has_a_token_and_is_opened_if_wanted(
    option: str, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(ExplorerServer, "serve_forever", lambda server: None)
    links = [invoke("--from", OWN, option).stdout.strip() for _ in range(2)]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", link) for link in links)
    assert len({link.split("/")[3] for link in links}) == 2
    assert opened == (links if opens else [])


@pytest.mark.slow
def test_ctrl_c_ends_the_server_in_order() -> None:
    words = [sys.executable, "-m", "ockam_fsm.cli", "explore", "--from", OWN, "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            url = running.stdout.readline().strip()
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
                assert content_of(answer.read().decode())["served"] is True
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=PATIENCE_SECONDS)
        finally:
            running.kill()
    assert running.returncode == OK
    assert errors.splitlines()[-1] == "stopped"
    assert "Traceback" not in errors


def test_the_world_of_a_type_exists() -> None:
    from ockam_fsm.cli.shared.world_index import shipped
    from ockam_fsm.machines.session import TYPES

    assert all(f"{kind.name}:{explore.OF_A_TYPE}" in shipped() for kind in TYPES)

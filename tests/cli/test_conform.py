"""`ockam-fsm conform`: usage, exit codes, files, and Ctrl-C."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ockam_fsm.cli.shared import long_runs
from ockam_fsm.conformance.report.clauses import BY_ID
from tests.cli.test_network import COMMAND, call
from tests.conformance.defective import our_node
from tests.net.ports import kept_address, nowhere

SPAWNER = ("--spawner", "session_spawner", "--echo", "echo")


@pytest.fixture(scope="module")
def where() -> Iterator[str]:
    with our_node("--capacity", "50") as where:
        yield where


@pytest.fixture(autouse=True)
def _no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine a run may take longer than the time after which a line says how far it is."""
    monkeypatch.setattr(long_runs, "LINE_SECONDS", float("inf"))


def conform(where: str, *options: str, only: tuple[str, ...] = ("echo", "handshake")) -> tuple[int, str, str]:
    named = [word for name in only for word in ("--only", name)]
    return call("conform", f"tcp://{where}", *SPAWNER, *named, *options)


@pytest.mark.slow
def test_json_is_one_object_with_the_documented_keys(where: str) -> None:
    code, out, err = conform(where, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert list(found) == ["target", "clauses", "summary"]
    assert {tuple(one) for one in found["clauses"]} == {
        ("id", "title", "verdict", "severity", "reason", "reproduction", "cases")
    }
    passed = {one["id"]: one["reproduction"] for one in found["clauses"] if one["verdict"] == "PASS"}
    assert set(passed) == {"14.1", "14.2"}
    assert passed["14.2"]["command"].endswith("--only handshake")
    assert bytes.fromhex(passed["14.2"]["bytes"][0]["bytes"])[4] == 0x84


@pytest.mark.slow
def test_a_reproduction_is_a_command_that_runs(where: str) -> None:
    _, out, _ = conform(where, "--durations", "negotiation=9.5", "--capacity", "50", "--json")
    commands = [one["reproduction"]["command"] for one in json.loads(out)["clauses"] if one["reproduction"]]
    words = shlex.split(commands[0])
    assert words[:2] == ["ockam-fsm", "conform"]
    assert "negotiation=9.5" in words
    assert call(*words[1:])[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--type", "explicit-transient")])
def test_a_reproduction_declares_only_a_declared_type(where: str, options: tuple[str, ...]) -> None:
    _, out, _ = conform(where, *options, "--json", only=("handshake",))
    (command,) = {one["reproduction"]["command"] for one in json.loads(out)["clauses"] if one["reproduction"]}
    assert ("--type explicit-transient" in command) == bool(options)


@pytest.mark.slow
def test_a_node_without_sessions_needs_no_spawner(where: str) -> None:
    code, out, _ = call(
        "conform", f"tcp://{where}", "--echo", "echo", "--only", "echo", "--only", "handshake", "--json"
    )
    found = {one["id"]: one for one in json.loads(out)["clauses"]}
    assert (code, json.loads(out)["target"]) == (0, f"tcp://{where}/echo (no sessions)")
    assert (found["14.1"]["verdict"], found["14.2"]["verdict"]) == ("PASS", "NOT APPLICABLE")
    assert found["14.2"]["reason"] == "no spawner is declared (--spawner)"
    assert "--spawner" not in found["14.1"]["reproduction"]["command"]


@pytest.mark.slow
def test_files_are_written(where: str, tmp_path: Path) -> None:
    junit, html = tmp_path / "report.xml", tmp_path / "report.html"
    code, out, _ = conform(where, "--junit", str(junit), "--html", str(html))
    assert code == 0
    assert "conforms: 2 pass" in out
    assert ET.parse(junit).getroot().get("failures") == "0"
    assert html.read_text().startswith("<!doctype html>")
    assert "cannot write" in conform(where, "--html", str(tmp_path / "no" / "where.html"))[2]


@pytest.mark.slow
def test_a_deviation_is_exit_code_1_and_an_expected_one_0(where: str, tmp_path: Path) -> None:
    """The capacity differs from the declared one."""
    wrong = ("--capacity", "20")
    code, out, _ = conform(where, *wrong, only=("capacity",))
    assert code == 1
    assert "60 hellos" not in out
    assert "expected at most 20 responders, as declared; 30 hellos made 30" in " ".join(out.split())
    listed = tmp_path / "expected.toml"
    listed.write_text('[[deviation]]\nclause = "4.9"\ncase = "capacity"\nreason = "declared wrongly, for this test"\n')
    code, out, _ = conform(where, *wrong, "--expect", str(listed), only=("capacity",))
    assert code == 0
    assert "(expected)" in out


@pytest.mark.slow
def test_an_unreachable_node_is_exit_code_2() -> None:
    code, out, _ = call("conform", f"tcp://{nowhere()}", *SPAWNER)
    shown = " ".join(out.split())
    assert code == 2
    assert shown.count("cannot be reached") == 1
    assert "13 more clauses, INCONCLUSIVE for a reason given above" in shown
    assert f"Try: ockam-fsm send tcp://{nowhere()}/echo hello" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("conform", "tcp://127.0.0.1:1"), "there is no target"),
        (("conform", "tcp://127.0.0.1:1", "--echo", "echo", "--as", "responder"), "there is no target"),
        (("conform", "127.0.0.1", *SPAWNER), "is not HOST:PORT"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--profile", "ockham"), "Did you mean ockam?"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--only", "handshakes"), "Did you mean handshake?"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--except", "handshakes"), "Did you mean handshake?"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--restart", "'"), "is not a command"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--restart", "/no/such"), "cannot run /no/such"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--as", "both"), "no role 'both'"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--expect", "/nowhere.toml"), "cannot read"),
        (
            ("conform", "tcp://127.0.0.1:1", *SPAWNER, "--profile", "generation", "--only", "row-v5"),
            "more (ockam-fsm conform --list --profile generation lists them).",
        ),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--durations", "idel=1"), "Did you mean idle?"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--html", "/no/where.html"), "there is no folder /no"),
        (("conform", "tcp://127.0.0.1:1", *SPAWNER, "--pipe", "cat"), "there are two targets"),
        (("conform", "tcp://192.0.2.1:1", *SPAWNER, "--as", "responder"), "cannot listen"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    code, _, err = call(*arguments)
    assert code == 2
    assert said in " ".join(err.split())


@pytest.mark.slow
def test_as_responder_it_starts_and_tests_the_command() -> None:
    route = f"tcp://{kept_address()}"
    run = f"{sys.executable} -m ockam_fsm.cli session {{route}} --type explicit-persistent-one-sided"
    options = ("--as", "responder", "--spawner", "door", "--profile", "generation", "--run", run, "--wait", "20")
    code, out, _ = call("conform", route, *options, "--only", "hello", "--only", "answered", "--json")
    assert code == 0
    assert {one["id"] for one in json.loads(out)["clauses"] if one["verdict"] == "PASS"} == {"14.1", "14.3", "4.3"}


@pytest.mark.slow
def test_a_command_that_has_ended_need_not_reconnect() -> None:
    """The command receives its reply, closes its session and ends."""
    kind = ("--type", "explicit-persistent-one-sided")
    run = f"{sys.executable} -m ockam_fsm.cli session {{route}} --profile ockam {' '.join(kind)} --message hello"
    code, out, _ = call(
        "conform", "tcp://127.0.0.1:0", "--as", "responder", "--spawner", "door", *kind, "--run", run,
        "--durations", "negotiation=1,back-off=0.3", "--only", "lost-connection", "--json",
    )  # fmt: skip
    found = {one["id"]: one for one in json.loads(out)["clauses"]}["3.11"]
    assert (code, found["verdict"]) == (0, "NOT APPLICABLE")
    assert "the command of --run has ended with exit status 0" in found["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "options", "case", "clause"),
    [
        ("publish orders {file}", ("--profile", "generation"), "publishes-in-order", "12.3"),
        ("consume orders --group all", ("--stream-index", "stream_index"), "consumes-from-the-saved-index", "12.7"),
    ],
)
def test_as_a_stream_service_it_tests_publish_and_consume(
    command: str, options: tuple[str, ...], case: str, clause: str, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.write_text("one\ntwo\nthree\n")
    run = f"{sys.executable} -m ockam_fsm.cli {command.format(file=lines)} --node {{where}}"
    options += ("--as", "stream", "--spawner", "stream", "--run", run, "--wait", "20")
    code, out, _ = call("conform", f"tcp://{kept_address()}", *options, "--only", case, "--json")
    assert code == 0
    found = {one["id"]: one for one in json.loads(out)["clauses"] if one["verdict"] == "PASS"}
    assert set(found) == {clause, "14.1"}
    assert "--as stream" in found[clause]["reproduction"]["command"]


@pytest.mark.slow
def test_as_responder_it_reports_the_end_of_the_command() -> None:
    run = f"{sys.executable} -c \"import sys; sys.exit('not today: {{route}}')\""
    route = f"tcp://{kept_address()}"
    options = ("--as", "responder", "--spawner", "door", "--run", run, "--wait", "0.5")
    code, out, _ = call("conform", route, *options, "--only", "hello", "--only", "answered")
    assert code == 2
    assert f"ended with exit status 1.\nnot today: {route}/door\n" in out


@pytest.mark.slow
def test_as_responder_it_prints_an_instruction_and_stops_waiting() -> None:
    where = f"tcp://{kept_address()}"
    code, _, err = call("conform", where, "--as", "responder", "--spawner", "door", "--wait", "0.1", "--only", "hello")
    assert code == 2
    assert f"open a session to {where}/door" in " ".join(err.split())


@pytest.mark.slow
def test_ctrl_c_ends_it_cleanly_and_reports_the_cases_left(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    options = ("--as", "responder", "--spawner", "door", "--html", str(page), "--json")
    command = [*COMMAND, "conform", f"tcp://{kept_address()}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "open a session to" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    told = json.loads(out)
    assert told["interrupted"] is True
    assert "the run was ended before this was tried" in {one["reason"] for one in told["clauses"]}
    assert page.read_text().startswith("<!doctype html>")


INTERRUPTING = """
import os, signal, sys
from ockam_fsm.conformance import our_end
from ockam_fsm.conformance.pipe import serve

def lines():
    for number, line in enumerate(sys.stdin):
        if number == 300:
            os.kill(os.getppid(), signal.SIGINT)
        yield line

def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()

serve(our_end, lines(), write)
"""
"""A program that interrupts the kit in the middle of the run."""


@pytest.mark.slow
def test_ctrl_c_keeps_the_results_for_a_program(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(INTERRUPTING)
    code, out, err = call("conform", "--pipe", f"{sys.executable} {program}", "--type", "explicit-transient", "--json")
    found = json.loads(out)
    assert (code, err) == (130, "")
    assert found["interrupted"] is True
    assert found["summary"]["verdict"] == "undetermined"
    reasons = [one["reason"] for one in found["clauses"] if one["verdict"] == "INCONCLUSIVE"]
    assert any(one.endswith("steps, then the run was ended, or its time was over") for one in reasons), reasons


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--spawner", "session_spawner", "--echo", "ecoh"), "no answer from --echo ecoh."),
        (("--spawner", "session_spwaner", "--echo", "echo"), "no answer from --spawner session_spwaner."),
        (("--spawner", "spwan", "--echo", "ecoh"), "from --echo ecoh; no answer from --spawner spwan."),
        (("--spawner", "echo", "--echo", "echo"), "--spawner echo echoes a hello"),
        (("--spawner", "nobody", "--profile", "generation"), "--spawner nobody refuses a hello"),
        ((*SPAWNER, "--stream", "straem"), "no answer from --stream straem."),
        ((*SPAWNER, "--stream-index", "indx"), "no answer from --stream-index indx."),
    ],
)
def test_an_address_without_answer_is_wrong_usage(where: str, options: tuple[str, ...], said: str) -> None:
    began = time.monotonic()
    code, out, err = call("conform", f"tcp://{where}", *options, "--patience", "0.5")
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
    assert "Check the address" in err
    assert time.monotonic() - began < 5.0


@pytest.mark.slow
def test_a_missing_node_is_started_and_ended_with_the_run() -> None:
    where = kept_address()
    start = shlex.join([*COMMAND, "node", "--listen", where])
    code, out, err = conform(where, "--restart", start)
    assert code == 0, out + err
    assert "conforms: 2 pass" in out
    assert conform(where)[0] == 2, "it is gone"


@pytest.mark.slow
def test_a_case_that_kills_a_node_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    where = kept_address()
    start = shlex.join([sys.executable, "-m", "tests.conformance.dying_node", "exits", where])
    options = ("--restart", start, "--patience", "1")
    code, out, err = conform(where, *options, only=("malformed-hello", "foreign-connection"))
    assert code == 1, out + err
    kept = tmp_path / "ockam_fsm" / "deadly_cases.json"
    (found,) = json.loads(kept.read_text()).values()
    assert found == ["malformed-hello"]
    kept.write_text("no JSON")
    assert conform(where, *options, "--except", "malformed-hello", only=("echo",))[0] == 0
    assert kept.read_text() == "no JSON", "the file is not changed"


@pytest.mark.parametrize("role", ["initiator", "responder", "stream"])
@pytest.mark.parametrize("profile", ["ockam", "generation"])
def test_the_cases_are_listed_with_what_they_need(role: str, profile: str) -> None:
    code, out, err = call("conform", "--list", "--as", role, "--profile", profile, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["as"], found["profile"]) == (role, profile)
    for one in found["cases"]:
        assert one["clause"] in BY_ID, one
        assert one["severity"]
        assert one["tries"]
    assert len({one["name"] for one in found["cases"]}) == len(found["cases"]) > 3


def test_a_case_lists_every_option_that_it_needs() -> None:
    options = ("--profile", "generation", "--type", "explicit-transient")
    needs = {one["name"]: one["needs"] for one in json.loads(call("conform", "--list", *options, "--json")[1])["cases"]}
    assert needs["echo"] == ["--echo"]
    assert "--durations negotiation" in {option for one in needs.values() for option in one}
    assert "--capacity" in {option for one in needs.values() for option in one}
    text = call("conform", "--list", *options)[1]
    assert all(name in text for name in needs)


def test_an_unknown_case_names_the_command_that_lists_them() -> None:
    code, _, err = call("conform", "tcp://127.0.0.1:1", "--spawner", "s", "--only", "anser")
    assert code == 2
    assert "(ockam-fsm conform --list --profile ockam lists them)" in err

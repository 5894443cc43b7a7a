"""The kit over a pipe: programs in JavaScript and Python pass, mutants are rejected, and every run ends."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.conformance import Effort, Ordered, Report, check_initiator, check_pair, check_responder, our_end
from ockam_fsm.conformance.pipe import (
    Program,
    endpoint_of,
    endpoint_to_json,
    message_of,
    message_to_json,
    order_of,
    order_to_json,
    output_of,
    output_to_json,
)
from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.target import EndpointUnderTest, Order, Output, TargetLost
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import (
    Closed,
    DeadLetter,
    Deliver,
    Established,
    Notify,
    RequestFailed,
    RequestTimedOut,
    Responded,
    Send,
    TimedOut,
)
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import Generation
from ockam_fsm.tools.line_subprocess import LineProgram, ProgramLost
from tests.conformance.test_kit import failed, reasons

EXAMPLES = Path(__file__).parents[2] / "examples/conformance"
NODE = shutil.which("node")
needs_node = pytest.mark.thorough  # and fails where there is no Node.js
QUICK = Effort(examples=5)


def javascript(folder: Path = EXAMPLES) -> list[str]:
    return [str(NODE), str(folder / "adapter.js"), str(folder / "session.js")]


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize("check", [check_initiator, check_responder])
def test_a_program_in_javascript_passes(check) -> None:  # type: ignore[no-untyped-def]
    with Program(javascript()) as program:
        report = check(program.make, [EXPLICIT_TRANSIENT], effort=QUICK)
    assert reasons(report) == []
    assert report.exit_code == 0
    assert report.counts["PASS"] >= 28


@needs_node
@pytest.mark.slow
def test_a_program_in_javascript_understands_ours() -> None:
    with Program(javascript()) as program:
        for initiator, responder in ((program.make, our_end), (our_end, program.make)):
            assert reasons(check_pair(initiator, responder, [EXPLICIT_TRANSIENT], effort=QUICK)) == []


@needs_node
def test_unsupported_types_are_not_applicable() -> None:
    with Program(javascript()) as program:
        report = check_initiator(program.make, [IMPLICIT_TRANSIENT], effort=QUICK)
    assert report.exit_code == 2
    assert "not written yet" in report.lines[0].reason


WRONG = [
    (Role.INITIATOR, "4.7", 'if (signal.is === "keepalive") this.sendSignal(tagged(5));', ""),
    (Role.INITIATOR, "4.1", 'randomBytes(16).toString("hex")', '"inner"'),
    (Role.INITIATOR, "7.4", "this.held.splice(0).forEach((message)", "this.held.splice(0).reverse().forEach((message)"),
    (Role.INITIATOR, "6.3", "this.emit({ what: { outcome: \"timeout\", request } });", ""),
    (Role.INITIATOR, "6.2", "!replies.some((address) => same(address, reply))", "false"),
    (Role.RESPONDER, "14.4", "if (error instanceof Unreadable) return;", ""),
    (Role.RESPONDER, "14.3", 'refuse(reader.at !== bytes.length, "bytes after the end");', ""),
    (Role.RESPONDER, "4.2", "if (generation.number - this.seen.number > JUMP) return;", ""),
    (Role.RESPONDER, "4.9", "if (sessions.size >= start.capacity) return full(message);", ""),
    (Role.RESPONDER, "3.7", 'this.set("idle");\n  }\n\n  deliver', ";\n  }\n\n  deliver"),
]  # fmt: skip


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize(("role", "clause", "right", "wrong"), WRONG, ids=[one[1] for one in WRONG])
def test_a_wrong_program_is_rejected(role: Role, clause: str, right: str, wrong: str, tmp_path: Path) -> None:
    source = (EXAMPLES / "session.js").read_text()
    assert right in source
    (tmp_path / "session.js").write_text(source.replace(right, wrong))
    shutil.copy(EXAMPLES / "adapter.js", tmp_path)
    check = check_initiator if role is Role.INITIATOR else check_responder
    with Program(javascript(tmp_path)) as program:
        report = check(program.make, [EXPLICIT_TRANSIENT], effort=Effort(examples=0, until=clause))
    assert clause in failed(report), reasons(report)


@needs_node
@pytest.mark.slow
def test_the_command_judges_a_program() -> None:
    command = ["conform", "--pipe", " ".join(javascript()), "--type", "explicit-transient", "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["summary"]["verdict"] == "conforms"
    assert [one["verdict"] for one in found["clauses"] if one["id"] == "4.7"] == ["PASS"]


def test_the_command_needs_something_to_judge() -> None:
    assert CliRunner().invoke(app, ["conform"]).exit_code == 2


def test_the_adapter_in_javascript_is_short() -> None:
    assert len((EXAMPLES / "adapter.js").read_text().splitlines()) < 60


@pytest.mark.slow
def test_a_program_in_python_passes() -> None:
    with Program([sys.executable, str(EXAMPLES / "adapter.py")]) as program:
        report = check_responder(program.make, [EXPLICIT_TRANSIENT], effort=QUICK)
    assert reasons(report) == []
    assert report.exit_code == 0


# Programs that break the protocol -------------------------------------------------------------------------------------


READY = "import sys, json, os\nsys.stdin.readline()\nprint(json.dumps({'ready': []}), flush=True)\n"
ODD = {
    "silent": "import sys\nsys.stdin.read()",
    "ends at once": "",
    "closes its pipe": "import sys, os\nos.close(1)\nsys.stdin.read()",
    "crashes": READY + "sys.stdin.readline()\nraise RuntimeError('on purpose')",
    "floods": "while True: print('{}', flush=True)",
    "writes a line without an end": READY + "while True: sys.stdout.write('x' * 65536)",
    "does not read": "import threading\nthreading.Event().wait()",
    "writes no JSON": READY + "print('hello', flush=True)\nsys.stdin.read()",
    "writes no object": READY + "print('[]', flush=True)\nsys.stdin.read()",
    "answers with its input": "import sys\nfor line in sys.stdin: print(line, end='', flush=True)",
    "answers without outputs": READY + "for line in sys.stdin: print('{}', flush=True)",
    "answers something else": READY + "print('{\"outputs\": [{\"tell\": \"hello\"}]}', flush=True)\nsys.stdin.read()",
    "ignores the end of its input": "import signal, threading\nthreading.Event().wait()",
}  # fmt: skip


def odd(name: str) -> Report:
    with Program([sys.executable, "-c", ODD[name]], patience_seconds=0.3) as program:
        return check_initiator(program.make, [EXPLICIT_TRANSIENT], effort=QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ODD))
def test_the_kit_ends_with_every_program(name: str) -> None:
    report = odd(name)
    assert report.exit_code in (1, 2)
    assert report.counts["PASS"] == 0


def test_a_program_that_is_not_there_is_inconclusive() -> None:
    with Program(["/nowhere/at/all"]) as program:
        report = check_initiator(program.make, [EXPLICIT_TRANSIENT], effort=QUICK)
    assert report.exit_code == 2
    assert [one.verdict for one in report.findings] == [Verdict.INCONCLUSIVE]
    assert "does not start" in report.findings[0].reason


def test_the_last_output_of_a_program_is_in_the_reason() -> None:
    with (
        Program([sys.executable, "-c", "import sys\nsys.exit('no such file')"]) as program,
        pytest.raises(TargetLost, match="no such file"),
    ):
        program.make(EndpointUnderTest(EXPLICIT_TRANSIENT, Role.INITIATOR))


def test_the_last_output_is_in_the_reason_if_a_program_has_ended_before_it_is_asked() -> None:
    asked = LineProgram([sys.executable, "-c", "import sys\nsys.exit('no such file')"], 10.0)
    asked.process.wait()
    with pytest.raises(ProgramLost, match="closed its output: no such file"):
        asked.ask(b"{}")


# Encoding -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_a_declaration_goes_through_the_pipe(kind, role: Role) -> None:  # type: ignore[no-untyped-def]
    declared = EndpointUnderTest(
        kind, role, attempts=None if role is Role.INITIATOR and kind.persistent else 2, remembered=7
    )
    assert endpoint_of(endpoint_to_json(declared)) == declared


OUTPUTS: list[Output] = [
    Send(Message((local("a"),), (local("b"),), b"\x00\xff", "trace")),
    Deliver(b"x", (local("beyond"),), ()),
    DeadLetter("why", Outgoing(b"m1")),
    Notify(Established(Generation(3, Role.RESPONDER, local(b"")), resumed=True)),
    Notify(TimedOut("why")),
    Notify(Closed("why")),
    Notify(Responded("q1", b"re:q1")),
    Notify(RequestFailed("q1", "why")),
    Notify(RequestTimedOut("q1")),
]


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: type(output).__name__)
def test_outputs_go_through_the_pipe(output: Output) -> None:
    assert output_of(output_to_json(output)) == output


def test_orders_and_messages_go_through_the_pipe() -> None:
    order = Order(Ordered.REQUEST, b"q1", (local("beyond"),), "q1", reissue=True, tracing_context="trace")
    assert order_of(order_to_json(order)) == order
    message = Message((local("a"),), (), b"payload")
    assert message_of(message_to_json(message)) == message

"""`ockam-fsm conform`: test any node for conformance over TCP, or a program over a pipe."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.progress import Progress

from ockam_fsm.cli.app import INTERRUPTED, JsonOption, command, err, fail, out, print_json, unknown
from ockam_fsm.cli.shared.case_list import list_cases, require_cases
from ockam_fsm.cli.shared.command_words import split_command
from ockam_fsm.cli.shared.long_runs import Lines, interruption_noted, marked
from ockam_fsm.cli.shared.network_options import DURATIONS_HELP, known_type, parsed_durations, run_to_the_end
from ockam_fsm.cli.shared.restarter import Restarter
from ockam_fsm.kernel.files import read_whole, write_whole

if TYPE_CHECKING:
    from ockam_fsm.conformance.report.findings import Expected
    from ockam_fsm.conformance.report.report import Report
    from ockam_fsm.conformance.wire.case import CaseSelection
    from ockam_fsm.conformance.wire.harm import Restart
    from ockam_fsm.conformance.wire.target import NodeUnderTest
    from ockam_fsm.runtime.session.handshake import Profile

SCHEME = "tcp://"
ROLES = ("initiator", "responder", "stream")
AS_HELP = "The role of the kit: initiator, which connects; or responder or stream (a stream service), which listen."
RUN_HELP = (
    "With --as: the command that makes the node open its session. {route} stands for the route to the kit, {where} for "
    "its HOST:PORT."
)
MISNAMED = (
    "Check the address, and for a spawner --profile and --type. Leave out an echo worker or a service that does not "
    "answer by design."
)
RESTART_HELP = "The command that starts the node: run at the start if no node listens, and after a case that kills it."
WAIT_SECONDS = 60.0
READ_BYTES, TAIL_BYTES = 65_536, 4096


@command
def conform(
    target: Annotated[str, typer.Argument(metavar="tcp://HOST:PORT", help="The node under test.")] = "",
    spawner: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Its spawner or static responder; without one no session is tested.")
    ] = "",
    pipe: Annotated[
        str, typer.Option(metavar="COMMAND", help="Test this program over a pipe, instead of a node.")
    ] = "",
    echo: Annotated[str, typer.Option(metavar="ADDRESS", help="Its echo worker.")] = "",
    stream: Annotated[str, typer.Option(metavar="ADDRESS", help="Its stream service.")] = "",
    stream_index: Annotated[str, typer.Option(metavar="ADDRESS", help="Its index worker.")] = "",
    profile: Annotated[
        str, typer.Option(help="Handshake profile: ockam or generation. By default ockam, with --pipe generation.")
    ] = "",
    session_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Type of its sessions; `ockam-fsm types` lists them.")
    ] = "",
    durations: Annotated[
        str,
        typer.Option(metavar="NAME=SECONDS,...", help=f"The node's time-outs; only these are tested. {DURATIONS_HELP}"),
    ] = "",
    capacity: Annotated[int, typer.Option(min=0, help="How many responders its spawner may hold; 0: unknown.")] = 0,
    own_address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the node can reach the kit; `none`: it cannot.")
    ] = "",
    role: Annotated[str, typer.Option("--as", help=AS_HELP)] = "initiator",
    run: Annotated[str, typer.Option(metavar="COMMAND", help=RUN_HELP)] = "",
    wait: Annotated[
        float, typer.Option(min=0.1, help="With --as: how many seconds to wait for each hello.")
    ] = WAIT_SECONDS,
    node_address: Annotated[
        str, typer.Option("--node", metavar="HOST:PORT", help="With --as: where the node listens, if it does.")
    ] = "",
    patience: Annotated[float, typer.Option(min=0.05, help="How many seconds to wait for an answer.")] = 5.0,
    limit: Annotated[float, typer.Option(min=1.0, help="How many seconds the whole run may take.")] = 300.0,
    only: Annotated[list[str] | None, typer.Option(metavar="CASE", help="Run only this case; may be repeated.")] = None,
    without: Annotated[
        list[str] | None, typer.Option("--except", metavar="CASE", help="Leave out this case; may be repeated.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the cases of --as, --profile and --type instead.")
    ] = False,
    restart: Annotated[str, typer.Option(metavar="COMMAND", help=RESTART_HELP)] = "",
    expect: Annotated[Path | None, typer.Option(metavar="FILE", help="Expected deviations, in TOML.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML page.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also show the clauses that are not applicable.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Test a node over TCP: to which clauses of `spec/sessions.md` does it conform?

    The kit (this command) needs a spawner whose sessions answer; an echo worker allows more tests. A node without
    sessions needs an echo worker: then its connections and frames are tested, and its stream service, if any. `--pipe`
    tests a program that implements the protocol of spec/conformance-pipe.md; of the other options it uses `--type`,
    `--profile`, `--patience` and `--limit`, and those of the report.

    Exit codes: 0 it conforms, 1 it deviates, 2 wrong usage or undetermined (the node could not be reached), 130 Ctrl-C
    (the results so far are reported).

    Examples:

    * `ockam-fsm conform tcp://127.0.0.1:4000 --spawner session_spawner`
    * `ockam-fsm conform tcp://127.0.0.1:4000 --echo echo --html report.html`
    * `ockam-fsm conform --list --profile generation  # names for --only`
    * `ockam-fsm conform --pipe "node adapter.js session.js"`
    """
    from ockam_fsm.cli.shared.deadly_cases import remembered
    from ockam_fsm.conformance.wire.case import CaseSelection
    from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace

    if pipe and (target or spawner):
        fail("there are two targets.", "Give tcp://HOST:PORT --spawner ADDRESS, or --pipe COMMAND, not both.")
    expected, outputs = expected_deviations(expect), _Outputs(as_json, every, junit, html)
    chosen_profile = known_profile(profile or ("generation" if pipe else "ockam"))
    if pipe:
        _judge_program(pipe, session_type, chosen_profile, patience, limit, expected, outputs)
    if role not in ROLES:
        unknown("role", role, ROLES)
    kind = known_type(
        session_type or ("explicit-persistent-one-sided" if chosen_profile.names_sessions else "explicit-transient")
    )
    if listed:
        list_cases(chosen_profile, kind, role, as_json)
    if not target or not (spawner or (echo and role == "initiator")):
        fail(
            "there is no target.",
            "Give tcp://HOST:PORT --spawner ADDRESS (without sessions --echo ADDRESS), or --pipe COMMAND.",
        )
    declared = frozenset(part.partition("=")[0].strip() for part in durations.split(",") if part)
    pace = Pace(patience, run_seconds=limit)
    waits = parsed_durations(durations)
    node = NodeUnderTest(
        checked_address(target), spawner, echo, stream, chosen_profile, kind, waits, declared, capacity or None,
        own_address, node_address, stream_index, pace, bool(session_type),
    )  # fmt: skip
    require_cases(node, [*(only or []), *(without or [])], role)
    choice = CaseSelection(tuple(only or ()), tuple(without or ()), remembered(node.name))
    if role != "initiator":
        run_to_the_end(_judge_initiator(node, choice, expected, outputs, run, wait, role))
    else:
        run_to_the_end(_judge(node, choice, expected, outputs, restart))


class _Outputs:
    """The places that the report is written to."""

    def __init__(self, as_json: bool, every: bool, junit: Path | None, html: Path | None) -> None:
        self.as_json, self.every, self.junit, self.html = as_json, every, junit, html
        for path in (junit, html):
            if path is not None:  # fail before the run, which may be long
                if not path.parent.is_dir():
                    fail(f"cannot write {path}: there is no folder {path.parent}.", "Create it, or name another file.")
                _write(path, "")

    @contextmanager
    def if_ended(self, report: Callable[[], Report]) -> Iterator[None]:
        """Write the results so far if Ctrl-C ends the run."""
        try:
            yield
        except asyncio.CancelledError:
            self.write(report(), interrupted=True)
            raise

    def write(self, report: Report, remedy: str = "", *, interrupted: bool = False) -> None:
        """Write the report everywhere. `remedy`: printed if nothing could be judged."""
        from ockam_fsm.cli.shared.conform_output import show_report
        from ockam_fsm.conformance.report.json_junit import to_junit

        if self.as_json:
            print_json(marked(report.to_json(), interrupted))
        else:
            show_report(out(), report, remedy, every=self.every)
        if self.junit is not None:
            _write(self.junit, to_junit(report))
        if self.html is not None:
            try:
                report.html(self.html)
            except OSError as error:
                unwritable(self.html, error)


def _judge_program(
    command: str,
    session_type: str,
    profile: Profile,
    patience: float,
    limit: float,
    expected: tuple[Expected, ...],
    outputs: _Outputs,
) -> NoReturn:
    from ockam_fsm.conformance import Effort, check_program
    from ockam_fsm.machines.session import TYPES

    kinds = (known_type(session_type),) if session_type else TYPES
    end = time.monotonic() + limit
    with err().status("testing the program ..."), interruption_noted() as interruption:
        lines = Lines()

        def over() -> bool:
            lines.say(lambda: f"testing the program; at most {end - time.monotonic():.0f} s more")
            return bool(interruption) or time.monotonic() > end

        effort = Effort(over=over)
        report = check_program(split_command(command), kinds, profile, effort, patience)
    words = ["ockam-fsm", "conform", "--pipe", command, *(["--type", session_type] if session_type else []),
             "--profile", profile.name]  # fmt: skip
    report = replace(
        report, expected=expected, seconds=round(limit - end + time.monotonic(), 3), command=shlex.join(words)
    )
    remedy = f"Run {command} by hand: it must answer each line with one line, as in spec/conformance-pipe.md."
    outputs.write(report, remedy, interrupted=bool(interruption))
    raise typer.Exit(INTERRUPTED if interruption else report.exit_code)


async def _judge(
    node: NodeUnderTest, choice: CaseSelection, expected: tuple[Expected, ...], outputs: _Outputs, restart: str
) -> int:
    async with AsyncExitStack() as stack:
        starts = (await stack.enter_async_context(Restarter(restart))).restart if restart else None
        return await _judge_node(node, choice, expected, outputs, restart, starts)


async def _judge_node(
    node: NodeUnderTest, choice: CaseSelection, expected: tuple[Expected, ...], outputs: _Outputs, restart: str,
    starts: Restart | None,
) -> int:  # fmt: skip
    from ockam_fsm.cli.shared.deadly_cases import remember
    from ockam_fsm.conformance.wire.kit import Kit
    from ockam_fsm.conformance.wire.preflight import is_there, misnamed

    if starts is not None and not await is_there(node, starts):
        fail(f"{restart!r} starts no node at {node.where}.", "Run it by hand, and correct --restart.")
    if problem := await misnamed(node):
        fail(f"{problem}.", MISNAMED)
    bar = Progress(console=err(), transient=True, disable=not err().is_terminal)
    kit = Kit(node, command_line(node, restart=restart), _shown(bar), choice, starts)
    with outputs.if_ended(lambda: kit.report(expected)), bar:
        report = await kit.judge(expected)
    remember(report, kit.harm.deadly)
    there = f"{SCHEME}{node.where}/{node.echo or node.spawner}"
    outputs.write(report, f"Check that the node listens there and has this worker. Try: ockam-fsm send {there} hello")
    return report.exit_code


async def _judge_initiator(
    node: NodeUnderTest,
    choice: CaseSelection,
    expected: tuple[Expected, ...],
    outputs: _Outputs,
    run: str,
    wait: float,
    role: str,
) -> int:
    from ockam_fsm.conformance.wire.initiator_kit import InitiatorKit
    from ockam_fsm.net.raw_peer import RawListener

    try:
        listener = await RawListener.at(node.where)
    except OSError as error:
        fail(f"cannot listen at {node.where}: {error.strerror or error}.", "Choose another tcp://HOST:PORT.")
    route = f"{SCHEME}{listener.where}/{node.spawner}"
    bar = Progress(console=err(), transient=True, disable=not err().is_terminal)
    opener = Opener(run, route, listener.where)
    command = command_line(node, run, role, wait)
    kit = InitiatorKit(node, command, _shown(bar), opener.begin, wait, choice, role, opener.ended)
    with outputs.if_ended(lambda: kit.report(expected)), bar:
        async with opener:
            report = await kit.judge(listener, expected)
            remedy = opener.remedy()
    outputs.write(report, remedy)
    return report.exit_code


def _shown(bar: Progress) -> Callable[[int, int, str], None]:
    task = bar.add_task("cases", total=None)
    lines = Lines()

    def progress(done: int, total: int, name: str) -> None:
        bar.update(task, completed=done, total=total, description=name)
        lines.say(lambda: f"{done} of {total} cases done; now {name}")

    return progress


class Opener:
    """Makes the node under test open its session: starts a command for each case, or prints an instruction once."""

    def __init__(self, command: str, route: str, where: str) -> None:
        self.command, self.route, self.where = command, route, where
        self._last_errors = b""
        """The last bytes that the command wrote to its standard error."""
        self._reading: asyncio.Task[None] | None = None
        self._instructed = False
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Opener:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._end()

    def remedy(self) -> str:
        """Return what to try if no hello was received."""
        if self._process is None or self._process.returncode is None:
            return f"No session was opened to {self.route}. Check that the node can reach it and is configured to."
        last = self._last_errors.decode(errors="replace").strip().splitlines()[-1:]
        words = [f"The command of --run ended with exit status {self._process.returncode}.", *last, "Run it by hand."]
        return "\n".join(words)

    def ended(self) -> str:
        """Return a sentence with the exit status of the command; empty while the command runs."""
        status = self._process.returncode if self._process is not None else None
        return "" if status is None else f"the command of --run has ended with exit status {status}"

    async def begin(self) -> None:
        if self.command:
            await self._end()
            words = [
                word.replace("{route}", self.route).replace("{where}", self.where)
                for word in split_command(self.command)
            ]
            nothing = asyncio.subprocess.DEVNULL
            self._last_errors = b""
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *words, stdin=nothing, stdout=nothing, stderr=asyncio.subprocess.PIPE
                )
            except OSError as error:
                fail(f"cannot run {words[0]}: {error.strerror or error}.", "Correct --run.")
            assert self._process.stderr is not None
            self._reading = asyncio.create_task(self._listen(self._process.stderr))
        elif not self._instructed:
            self._instructed = True
            err().print(f"Now make the node under test open a session to {self.route}", soft_wrap=True)
            err().print("A transient session must be opened again for each case; --run COMMAND does that.")

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        while chunk := await errors.read(READ_BYTES):
            self._last_errors = (self._last_errors + chunk)[-TAIL_BYTES:]

    async def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))


def checked_address(text: str) -> str:
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.routes import split_host

    where = text.removeprefix(SCHEME).rstrip("/")
    try:
        split_host(where)
    except LocalSessionError as error:
        fail(f"{error}.", "Write for example tcp://127.0.0.1:4000.")
    return where


def known_profile(name: str) -> Profile:
    from ockam_fsm.runtime.session.handshake import PROFILES

    if name not in PROFILES:
        unknown("profile", name, PROFILES)
    return PROFILES[name]


def expected_deviations(path: Path | None) -> tuple[Expected, ...]:
    from ockam_fsm.conformance.report.expected_deviations import read_expected
    from ockam_fsm.kernel.errors import DefinitionError

    if path is None:
        return ()
    try:
        return read_expected(read_whole(path).decode(), str(path))
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}.", "Name a TOML file with --expect.")
    except UnicodeDecodeError as error:
        fail(f"{path} is not text in UTF-8: {error}.", "Name a TOML file with --expect.")
    except DefinitionError as error:
        fail(str(error))


def command_line(
    node: NodeUnderTest, run: str = "", role: str = "initiator", wait_seconds: float = WAIT_SECONDS, restart: str = ""
) -> str:
    """Return the command line of this run.

    role: the role of the kit.
    run: the command that makes the node open its session.
    restart: the command that starts the node.
    """
    from ockam_fsm.cli.shared.network_options import durations_text
    from ockam_fsm.conformance.wire.target import Pace

    usual = Pace()
    options = {
        "--spawner": node.spawner,
        "--echo": node.echo,
        "--stream": node.stream,
        "--stream-index": node.stream_index,
        "--profile": node.profile.name,
        "--type": node.session_type.name if node.type_declared else "",
        "--durations": durations_text(node.durations, node.declared),
        "--capacity": str(node.capacity or ""),
        "--own-address": node.own_address,
        "--node": node.node_address,
        "--as": "" if role == "initiator" else role,
        "--run": run,
        "--wait": f"{wait_seconds:g}" if wait_seconds != WAIT_SECONDS else "",
        "--patience": f"{node.pace.patience_seconds:g}" if node.pace.patience_seconds != usual.patience_seconds else "",
        "--limit": f"{node.pace.run_seconds:g}" if node.pace.run_seconds != usual.run_seconds else "",
        "--restart": restart,
    }
    words = [f"{name} {shlex.quote(value)}" for name, value in options.items() if value]
    return " ".join([f"ockam-fsm conform {SCHEME}{node.where}", *words])


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        unwritable(path, error)


def unwritable(path: Path, error: OSError) -> NoReturn:
    fail(f"cannot write {path}: {error.strerror or error}.", "Choose another file.")

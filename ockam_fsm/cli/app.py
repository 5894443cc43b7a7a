"""What all commands share: the application, its consoles, and how it says no.

Rule 1: standard output is for results, standard error for everything else; `--json` prints one JSON object and nothing
        else, so that it can be piped. An error is one JSON object then, too: {"error", "remedy", "exit_code"}, on one
        line of standard error.
Rule 2: colours are for terminals. Piped output has no colour codes, and NO_COLOR is honoured.
Rule 3: an error states the fact, the options and the remedy. Exit codes: 0 holds, 1 refuted or different, 2 usage,
        undetermined, or output that cannot be written, 130 interrupted, 141 nothing reads the output any more.
Rule 4: what is put out may be a peer's text: consoles neutralise it and read no markup in it, JSON is ASCII. What is a
        file of another tool (`document`) is in UTF-8, whatever the terminal.
Rule 5: an argument that no command could use (not UTF-8, a number without a sensible end) is refused for all of them.

A new command is a module of this package with a function under `@command`, and its name in `COMMANDS`. Its docstring is
its help. A module is imported when its command is named; heavy imports belong into the function all the same, since
`--help` imports every module.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from ockam_fsm.kernel.text import described, neutral

COMMANDS = (
    "demo", "types", "show", "export", "render", "check", "simulate", "pipelines", "replay", "validate", "spec", "node",
    "send", "session", "publish", "consume", "conform", "compare",
)  # fmt: skip
"""The modules that add a command, in the order of the help."""

OK, DIFFERS, USAGE, INTERRUPTED = 0, 1, 2, 130
PIPED_WIDTH = 160
MAX_WHOLE = 2**63
MAX_SECONDS = 3e8
"""Less than the ten years that a duration may last (`kernel/arguments.py`)."""
TRACEBACK = "OCKAM_FSM_TRACEBACK"
F = TypeVar("F", bound=Callable[..., Any])


class Commands(TyperGroup):
    """Imports the module of a command when the command is named: all of them take three times as long as most need."""

    wants_json = False
    """Whether this call has `--json`: its errors are JSON then, those of usage too (Rule 1)."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        Commands.wants_json = "--json" in args
        return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            wrong: Any = error
            if not (Commands.wants_json and hasattr(wrong, "format_message")):  # it has one if it is of usage
                raise
            fail(wrong.format_message(), "`--help` after the command explains it.")

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # For a name that does not exist all of them are imported: the suggestion comes from what is there.
        wanted = [cmd_name] if cmd_name in COMMANDS else COMMANDS
        if missing := [name for name in wanted if name not in self.commands]:
            for name in missing:
                import_module(f"{__package__}.{name}")
            self.commands.update(cast(TyperGroup, typer.main.get_command(app)).commands)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="ockam-fsm",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `ockam-fsm types`, then look at one: `ockam-fsm show explicit-transient`.",
)


class Command(TyperCommand):
    """A command that refuses what no command could use (Rule 5)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            given = ctx.params.get(parameter.name)
            for value in given if isinstance(given, list | tuple) else (given,):
                if problem := _problem(value):
                    raise typer.BadParameter(problem, ctx=ctx, param=cast(Any, parameter))
        return rest


def _problem(value: object) -> str:
    """What is wrong with one argument, whatever it is for."""
    match value:
        case float() if not abs(value) < MAX_SECONDS:
            return f"{value} is not a number below {MAX_SECONDS:.0f}"
        case int() if not abs(value) < MAX_WHOLE:
            return f"{value} is not a number below 2^63"
        case Path() | str() if "\0" in str(value):
            return f"{str(value)!r} has a NUL character in it"
        case str() if not _is_utf8(os.fsencode(value)):
            return f"{os.fsencode(value)!r} is not text in UTF-8"
    return ""


def _is_utf8(given: bytes) -> bool:
    try:
        given.decode()
    except UnicodeDecodeError:
        return False
    return True


def command(function: F) -> F:
    """Make a command of a function; its docstring is the help."""
    return app.command(cls=Command, help=described(function))(function)


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ockam-fsm {version('ockam-fsm')}")
        raise typer.Exit


@app.callback(help="Ockam sessions as state machines: drawn, printed, checked and run from one table.")
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What stands before a command."""


class _Console(Console):
    """A console for text that may be a peer's (Rule 4)."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else neutral(segment.text, "\n\t")
            yield Segment(text, segment.style, segment.control)


def out() -> Console:
    """The console for results; made anew, because tests exchange the streams.

    What is piped has room: only a terminal, or COLUMNS, makes lines break early.
    """
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return _Console(highlight=False, markup=False, emoji=False, width=PIPED_WIDTH if piped else None)


def err() -> Console:
    """The console for everything else."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output, whatever the terminal."""
    print(json.dumps(value, indent=2))


def print_json_line(value: Any) -> None:
    """One JSON object on one line, at once: for commands that report while they run."""
    print(json.dumps(value), flush=True)


def document(text: str) -> None:
    """A file of another tool, on standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def fail(fact: str, remedy: str = "", code: int = USAGE) -> NoReturn:
    """Say on standard error what is wrong and what to do, and leave with `code`."""
    _say_error(fact, remedy, code)
    raise typer.Exit(code)


def _say_error(fact: str, remedy: str, code: int) -> None:
    if Commands.wants_json:
        print(json.dumps({"error": fact, "remedy": remedy, "exit_code": code}), file=sys.stderr, flush=True)
        return
    _say("error: ", "bold red", fact, remedy)


def warn(fact: str, remedy: str) -> None:
    """Say on standard error what is probably a mistake; the command goes on."""
    if Commands.wants_json:
        print(json.dumps({"warning": fact, "remedy": remedy}), file=sys.stderr, flush=True)
    else:
        _say("warning: ", "bold yellow", fact, remedy)


def _say(kind: str, style: str, fact: str, remedy: str) -> None:
    """A terminal breaks lines between words; in a pipe a line stays one."""
    console = err()
    for text in (Text.assemble((kind, style), fact), Text(remedy)):
        if text.plain:
            console.print(text, soft_wrap=not console.is_terminal)


def defect(error: Exception) -> int:
    """Say in one line what should not have happened; the result is the exit code."""
    if TRACEBACK in os.environ:
        traceback.print_exception(error)
        return USAGE
    if isinstance(error, OSError):
        _say_error(f"{error.filename or 'input or output'}: {error.strerror or error}.", "", USAGE)
        return USAGE
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {str(error)[:1000]} ({Path(place.filename).name}, line {place.lineno})"
    _say_error(what, f"This is a defect of ockam-fsm. {TRACEBACK}=1 shows where; please report it.", USAGE)
    return USAGE


MOST_LISTED = 12


def unknown(what: str, given: str, options: Iterable[str], rest: str = "") -> NoReturn:
    """`given` is none of `options`: list them, as far as anybody would read that, and name the closest. `rest`: the
    command that lists all of them."""
    known = list(options)
    close = get_close_matches(given.lower(), known, n=1, cutoff=0.4)
    question = f" Did you mean {close[0]}?" if close else ""
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    more += f" ({rest} lists them)" if more and rest else ""
    fail(f"there is no {what} {given!r}.{question}", f"Known: {', '.join(known[:MOST_LISTED])}{more}.")

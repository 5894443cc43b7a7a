"""The parts that all commands share: the application, its consoles, and its errors.

Rule 1: standard output is for results, standard error for everything else. `--json` prints one JSON object, or one
        on each line, and nothing else; an error is then one line of standard error: {"error", "remedy", "exit_code"}.
Rule 2: colours are for terminals. Piped output has no colour codes, and NO_COLOR is honoured.
Rule 3: an error states the fact, the options and the remedy. Exit codes: 0 holds, 1 refuted or different, 2 usage,
        undetermined, or output that cannot be written, 130 interrupted, 141 the reader of the output has closed it.
Rule 4: printed text may come from a peer: consoles neutralise it and read no markup in it, JSON is ASCII. A file for
        another tool (`print_document`) is written in UTF-8, whatever the encoding of the terminal.
Rule 5: all commands refuse the arguments that no command can use: text that is not UTF-8, numbers out of range.

To add a command, add a module to this package with a function under `@command`, and its name to `COMMANDS`. The
docstring is the help. The module is imported when its command is named. Heavy imports still belong in the function,
because `--help` imports every module.
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

from ockam_fsm.kernel.text import docstring_of, neutral

COMMANDS = (
    "demo", "types", "show", "export", "render", "check", "simulate", "pipelines", "replay", "explore", "validate",
    "spec", "node", "send", "session", "publish", "consume", "conform", "compare",
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
    """A group that imports the module of a command on demand: importing all modules takes three times as long."""

    wants_json = False
    """Whether this call has `--json`; its errors are JSON then, usage errors included (Rule 1)."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        Commands.wants_json = "--json" in args
        return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.TyperException as error:
            usage_error: Any = error
            if not (Commands.wants_json and hasattr(usage_error, "format_message")):  # only usage errors have it
                raise
            fail(usage_error.format_message(), "Run the command with --help.")

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # An unknown name imports all modules: the suggestion is chosen among all commands.
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
    """A command that refuses the arguments that no command can use (Rule 5)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for parameter in self.params:
            given = ctx.params.get(parameter.name)
            for value in given if isinstance(given, list | tuple) else (given,):
                if problem := _argument_problem(value):
                    raise typer.BadParameter(problem, ctx=ctx, param=cast(Any, parameter))
        return rest


def _argument_problem(value: object) -> str:
    """Return the reason why no command can use this argument; empty if there is none."""
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
    """Register a function as a command; its docstring is the help."""
    return app.command(cls=Command, help=docstring_of(function))(function)


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on each line instead.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ockam-fsm {version('ockam-fsm')}")
        raise typer.Exit


@app.callback(help="Ockam sessions as state machines: drawn, printed, checked and run from one table.")
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options in front of a command."""


class _Console(Console):
    """A console for text that may come from a peer (Rule 4)."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else neutral(segment.text, "\n\t")
            yield Segment(text, segment.style, segment.control)


def out() -> Console:
    """Return the console for results; a new one each time, because tests replace the streams.

    Piped lines have PIPED_WIDTH columns, unless COLUMNS is set; a terminal has its own width.
    """
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return _Console(highlight=False, markup=False, emoji=False, width=PIPED_WIDTH if piped else None)


def err() -> Console:
    """Return the console for everything but results."""
    return _Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print one JSON object on standard output, in ASCII."""
    print(json.dumps(value, indent=2))


def print_json_line(value: Any) -> None:
    """Print one JSON object on one line and flush it: for commands that report while they run."""
    print(json.dumps(value), flush=True)


def print_document(text: str) -> None:
    """Write a file for another tool to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def fail(fact: str, remedy: str = "", code: int = USAGE) -> NoReturn:
    """Print the error and its remedy on standard error, and exit with `code`."""
    _print_error(fact, remedy, code)
    raise typer.Exit(code)


def _print_error(fact: str, remedy: str, code: int) -> None:
    if Commands.wants_json:
        print(json.dumps({"error": fact, "remedy": remedy, "exit_code": code}), file=sys.stderr, flush=True)
        return
    _print_message("error: ", "bold red", fact, remedy)


def warn(fact: str, remedy: str) -> None:
    """Print a probable mistake on standard error; the command goes on."""
    if Commands.wants_json:
        print(json.dumps({"warning": fact, "remedy": remedy}), file=sys.stderr, flush=True)
    else:
        _print_message("warning: ", "bold yellow", fact, remedy)


def _print_message(kind: str, style: str, fact: str, remedy: str) -> None:
    """Print a message; lines are wrapped on a terminal only."""
    console = err()
    for text in (Text.assemble((kind, style), fact), Text(remedy)):
        if text.plain:
            console.print(text, soft_wrap=not console.is_terminal)


def defect(error: Exception) -> int:
    """Report an unexpected exception in one line, and return the exit code."""
    if TRACEBACK in os.environ:
        traceback.print_exception(error)
        return USAGE
    if isinstance(error, OSError):
        _print_error(f"{error.filename or 'input or output'}: {error.strerror or error}.", "", USAGE)
        return USAGE
    place = traceback.extract_tb(error.__traceback__)[-1]
    fact = f"{type(error).__name__}: {str(error)[:1000]} ({Path(place.filename).name}, line {place.lineno})"
    remedy = f"This is a defect of ockam-fsm. Set {TRACEBACK}=1 to see the traceback, and please report it."
    _print_error(fact, remedy, USAGE)
    return USAGE


def counted(number: int, noun: str) -> str:
    """Return `1 step`, `2 steps` or `3,630 steps`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


MOST_LISTED = 12


def unknown(what: str, given: str, options: Iterable[str], rest: str = "") -> NoReturn:
    """Fail because `given` is not one of `options`: list the first ones, and suggest the closest.

    rest: the command that lists all of them.
    """
    known = list(options)
    close = get_close_matches(given.lower(), known, n=1, cutoff=0.4)
    question = f" Did you mean {close[0]}?" if close else ""
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    more += f" ({rest} lists them)" if more and rest else ""
    fail(f"there is no {what} {given!r}.{question}", f"Known: {', '.join(known[:MOST_LISTED])}{more}.")

"""What all commands share: the application, its consoles, and how it says no.

Rule 1: standard output is for results, standard error for everything else; `--json` prints one JSON object and nothing
        else, so that it can be piped.
Rule 2: colours are for terminals. Piped output has no colour codes, and NO_COLOR is honoured.
Rule 3: an error states the fact, the options and the remedy. Exit codes: 0 holds, 1 refuted or different, 2 usage or
        undetermined, 130 interrupted.

A new command is a module of this package with a function under `@app.command()`, and its name in `COMMANDS` of
`__init__.py`. Heavy imports belong into the function: `--help` should not wait for them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

OK, DIFFERS, USAGE = 0, 1, 2
PIPED_WIDTH = 160

app = typer.Typer(
    name="ockam-fsm",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `ockam-fsm types`, then look at one: `ockam-fsm show explicit-transient`.",
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ockam-fsm {version('ockam-fsm')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Ockam sessions as state machines: drawn, printed, checked and run from one table."""


def out() -> Console:
    """The console for results; made anew, because tests exchange the streams.

    What is piped has room: only a terminal, or COLUMNS, makes lines break early.
    """
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=PIPED_WIDTH if piped else None)


def err() -> Console:
    """The console for everything else."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON object on standard output, whatever the terminal."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """One JSON object on one line, at once: for commands that report while they run."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def fail(fact: str, remedy: str = "", code: int = USAGE) -> NoReturn:
    """Say on standard error what is wrong and what to do, and leave with `code`."""
    err().print(Text.assemble(("error: ", "bold red"), fact), soft_wrap=True)
    if remedy:
        err().print(Text(remedy), soft_wrap=True)
    raise typer.Exit(code)


MOST_LISTED = 40


def unknown(what: str, given: str, options: Iterable[str]) -> NoReturn:
    """`given` is none of `options`: list them, as far as anybody would read that, and name the closest."""
    known = list(options)
    close = get_close_matches(given.lower(), known, n=1, cutoff=0.4)
    question = f" Did you mean {close[0]}?" if close else ""
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    fail(f"there is no {what} {given!r}.{question}", f"Known: {', '.join(known[:MOST_LISTED])}{more}.")

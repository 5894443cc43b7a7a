"""`ockam-fsm export`: a session type for another tool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ockam_fsm.cli.app import app, err, fail, unknown
from ockam_fsm.cli.show import Format, RoleName, chosen, text_of
from ockam_fsm.machines.session import TYPES


class Target(StrEnum):
    """What the other tool reads."""

    TLA = "tla"
    PROMELA = "promela"
    SCXML = "scxml"
    JSON = "json"


@app.command()
def export(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="A session type, or another machine; `types` lists them.")
    ],
    to: Annotated[Target, typer.Option("--to", help="For which kind of tool.")],
    role: Annotated[RoleName | None, typer.Option(help="One side only; TLA+ and SCXML have one machine each.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """Write a session type for another tool.

    `tla`: the table of one machine as a module of TLA+, as in spec/tla/tables. `promela`: both ends with their network
    and faults, as a model for SPIN that has as many states as the table world here. `scxml`: one machine, for
    interpreters and editors. `json`: everything that is in the tables.

    Examples:

    * `ockam-fsm export explicit-transient --to promela --output pair.pml`, and then `spin -search -bfs pair.pml`
    * `ockam-fsm export implicit-transient --to tla --role responder`
    * `ockam-fsm export implicit-transient --to scxml --role responder`
    * `ockam-fsm export explicit-transient --to json`
    """
    if to is Target.PROMELA:
        text = _promela(name, role)
    elif to is Target.TLA:
        text = _tla(name, role)
    else:
        text = text_of(Format(to.value), *chosen(name, role))
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}.", "Choose another file with --output.")
    err().print(f"wrote {output}", soft_wrap=True)


def _promela(name: str, role: RoleName | None) -> str:
    from ockam_fsm.cli.promela import FOLDER, texts

    found = texts().get(f"{FOLDER}/{name}.pml")
    if found is None:
        unknown("session type", name, [kind.name for kind in TYPES])
    if role is not None:
        fail("a Promela model has both ends: they talk to each other.", "Leave --role out.")
    return found


def _tla(name: str, role: RoleName | None) -> str:
    from ockam_fsm.projections.tla import to_tla

    pair, (subject, *_) = chosen(name, role)
    if pair is not None:
        fail(f"a module has one machine, and {pair.name} has two.", "Add --role initiator or --role responder.")
    return to_tla(subject.machine, subject.page, subject.summary)

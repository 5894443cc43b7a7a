"""`ockam-fsm export`: write a session type in the format of another tool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ockam_fsm.cli.app import command, err, fail, print_document, unknown
from ockam_fsm.cli.show import Format, RoleName, machines_named, text_of
from ockam_fsm.kernel.files import write_whole
from ockam_fsm.machines.session import TYPES
from ockam_fsm.specification.machine_index import catalogue


class ExportFormat(StrEnum):
    """The format of the other tool."""

    TLA = "tla"
    PROMELA = "promela"
    SCXML = "scxml"
    JSON = "json"


@command
def export(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="A session type, or another machine; `types` lists them.")
    ],
    to: Annotated[ExportFormat, typer.Option("--to", help="The format to write.")],
    role: Annotated[RoleName | None, typer.Option(help="One role only; without it both are written.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file; `tla` of a type: to this folder.")] = None,
) -> None:
    """Write a session type in the format of another tool.

    `tla`: the tables as TLA+ modules; with `--output FOLDER` all that TLC needs to check the type: its model, its
    tables, and the modules written by hand. `promela`: both ends with their network and faults, as a model for SPIN.
    `scxml`: for interpreters and editors; for both roles one document that invokes both. `json`: the complete tables.

    To check the result, run `java -cp tla2tools.jar tlc2.TLC -deadlock MCExplicitTransient` in the folder, or
    `spin -search -bfs pair.pml`.

    Examples:

    * `ockam-fsm export explicit-transient --to tla --output model`
    * `ockam-fsm export explicit-transient --to promela --output pair.pml`
    * `ockam-fsm export implicit-transient --to scxml --role responder`
    * `ockam-fsm export explicit-transient --to json`
    """
    if to is ExportFormat.TLA and role is None and output is not None and name in {kind.name for kind in TYPES}:
        files = _checkable(name, output)
    else:
        text = _text(name, to, role)
        if output is None:
            print_document(text)
            return
        files = {output: text}
    try:
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            write_whole(path, text)
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}.", "Choose another path with --output.")
    err().print(f"wrote {output}" + (f": {len(files)} files" if len(files) > 1 else ""), soft_wrap=True)


def _text(name: str, to: ExportFormat, role: RoleName | None) -> str:
    if to is ExportFormat.PROMELA:
        return _promela(name, role)
    if to is ExportFormat.TLA:
        return _tla(name, role)
    return text_of(Format(to.value), *machines_named(name, role))


def _promela(name: str, role: RoleName | None) -> str:
    from ockam_fsm.specification.promela_files import FOLDER, texts

    found = texts().get(f"{FOLDER}/{name}.pml")
    if found is None:
        unknown("session type", name, [kind.name for kind in TYPES])
    if role is not None:
        fail("a Promela model always has both ends.", "Leave out --role.")
    return found


def _tla(name: str, role: RoleName | None) -> str:
    from ockam_fsm.projections.tla import to_tla

    _, subjects = machines_named(name, role)
    return "\n".join(to_tla(subject.machine, subject.page, subject.summary) for subject in subjects)


def _checkable(name: str, folder: Path) -> dict[Path, str]:
    from ockam_fsm.specification.tla_files import checkable

    return {folder / file: text for file, text in checkable(name, catalogue()).items()}

"""`ockam-fsm types`: list the machines, or the worlds to check."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from ockam_fsm.cli.app import JsonOption, command, out, print_json
from ockam_fsm.machines import TYPES
from ockam_fsm.projections.gallery import AnyMachine, Pair
from ockam_fsm.specification.machine_index import catalogue


@command
def types(
    worlds: Annotated[
        bool, typer.Option("--worlds", help="List the worlds and machines for `check` and `replay` instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the six session types and the other machines.

    Examples:

    * `ockam-fsm types`
    * `ockam-fsm types --worlds  # worlds, then known-bad machines`
    * `ockam-fsm types --json`
    """
    if worlds:
        _list_worlds(as_json)
    elif as_json:
        print_json({"types": [_facts(pair) for pair in catalogue().pairs], "others": _others()})
    else:
        out().print(_table())


def _list_worlds(as_json: bool) -> None:
    from ockam_fsm.cli.shared.world_index import shipped

    if as_json:
        bad = {name: one.rejected_by for name, one in shipped().items() if one.rejected_by}
        print_json({"worlds": [name for name in shipped() if name not in bad], "known_bad": bad})
        return
    for name, one in shipped().items():
        remark = f"  # known-bad: {one.rejected_by} rejects it" if one.rejected_by else ""
        print(f"{name}{remark}")


def _facts(pair: Pair) -> dict[str, Any]:
    session_type = next(t for t in TYPES if t.name == pair.name)
    return {
        "name": pair.name,
        "creation": session_type.creation.value,
        "lifetime": "persistent" if session_type.persistent else "transient",
        "renegotiation": session_type.renegotiation.value,
        "summary": pair.summary,
        "machines": [_size(subject.machine) for subject in (pair.left, pair.right)],
    }


def _others() -> list[dict[str, Any]]:
    return [{"summary": subject.summary, **_size(subject.machine)} for subject in catalogue().alone]


def _size(machine: AnyMachine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "states": len(machine.states),
        "events": len(machine.events),
        "rows": len(machine.rows),
    }


def _table() -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title, style in (("type", "bold cyan"), ("rows", ""), ("description", "")):
        grid.add_column(title, style=style, no_wrap=title != "description")
    for pair in catalogue().pairs:
        grid.add_row(pair.name, f"{len(pair.left.machine.rows)} + {len(pair.right.machine.rows)}", pair.summary)
    for subject in catalogue().alone:
        grid.add_row(subject.machine.name, str(len(subject.machine.rows)), subject.summary)
    return grid

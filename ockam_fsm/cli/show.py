"""`ockam-fsm show`: print or draw one machine in one of several forms."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ockam_fsm.cli.app import JsonOption, command, err, fail, out, print_document, unknown
from ockam_fsm.cli.shared.drawing import svg_of
from ockam_fsm.kernel.files import write_whole
from ockam_fsm.kernel.machine import Ignore, Refuse
from ockam_fsm.projections import portable
from ockam_fsm.projections.gallery import AnyMachine, Pair, Subject, machine_picture, pair_picture
from ockam_fsm.projections.markdown import to_markdown
from ockam_fsm.projections.mermaid import to_mermaid
from ockam_fsm.projections.scxml import to_scxml, together_to_scxml
from ockam_fsm.projections.styling import EventKind, StateKind, event_kind, guard_text, state_kind
from ockam_fsm.specification.machine_index import catalogue


class Format(StrEnum):
    """The form in which a machine is shown."""

    TABLE = "table"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"
    SCXML = "scxml"
    JSON = "json"


class RoleName(StrEnum):
    """One side of a session."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


@command
def show(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="A session type or another machine; `types` lists them.")],
    role: Annotated[RoleName | None, typer.Option(help="One role only; without it both are shown.")] = None,
    form: Annotated[Format, typer.Option("--format", help="The form of the output.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file; a table is written as Markdown.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a machine as a table, a picture, or a file for other tools.

    Without `--role`, `dot` and `svg` show both roles side by side with the messages between them, and `scxml` is one
    document that invokes both.

    Examples:

    * `ockam-fsm show explicit-transient`
    * `ockam-fsm show implicit-persistent-two-sided --role responder`
    * `ockam-fsm show explicit-transient --format svg --output session.svg`
    * `ockam-fsm show "synchronous request" --format mermaid`
    """
    pair, subjects = machines_named(name, role)
    wanted = Format.JSON if as_json else form
    if wanted is Format.TABLE and output is None:
        for subject in subjects:
            out().print(_printed(subject))
        return
    text = text_of(wanted, pair, subjects)
    if output is None:
        print_document(text)
        return
    try:
        write_whole(output, text)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}.", "Choose another file with --output.")
    err().print(f"wrote {output}", soft_wrap=True)


def machines_named(name: str, role: RoleName | None) -> tuple[Pair | None, tuple[Subject, ...]]:
    """Return the machines with this name, and their pair if they are both roles of a type."""
    pairs = {pair.name: pair for pair in catalogue().pairs}
    single = {subject.machine.name: subject for subject in catalogue().subjects()}
    if pair := pairs.get(name):
        if role is None:
            return pair, (pair.left, pair.right)
        return None, (single[f"{name} {role.value}"],)
    if name not in single:
        unknown("type", name, [*pairs, *(subject.machine.name for subject in catalogue().alone)])
    if role is not None:
        fail(f"{name!r} is a single machine without roles.", "Leave out --role.")
    return None, (single[name],)


def text_of(form: Format, pair: Pair | None, subjects: tuple[Subject, ...]) -> str:
    first = subjects[0]
    if form is Format.JSON:
        return portable.document([subject.machine for subject in subjects], first.page)
    if form is Format.TABLE:
        return "\n".join(to_markdown(subject.machine, subject.page, subject.summary) for subject in subjects)
    if form in (Format.DOT, Format.SVG):
        picture = machine_picture(first) if pair is None else pair_picture(pair, catalogue().messages)
        return picture.dot if form is Format.DOT else svg_of(picture)
    if form is Format.SCXML and pair is not None:
        return together_to_scxml(pair.name, [subject.machine for subject in subjects], first.page)
    if form is Format.SCXML:
        return to_scxml(first.machine, first.page)
    if pair is not None:
        fail(f"{form.value} shows one machine, and {pair.name} has two.", "Add --role initiator or --role responder.")
    return to_mermaid(first.machine, first.page)


def _printed(subject: Subject) -> RenderableType:
    machine = subject.machine
    title = Text.assemble((machine.name, "bold"), f"  {subject.summary}")
    states = [part for state in machine.states for part in _state(machine, state)]
    return Group(title, Text(), *states, _otherwise(machine), Text())


def _state(machine: AnyMachine, state: Enum) -> Iterator[RenderableType]:
    """The rows of a state, if any; the columns of all states are aligned."""
    rows = [row for row in machine.rows if row.source is state]
    if not rows:
        return
    yield Text(state.name, f"bold reverse {_STATE_COLOURS[state_kind(machine, state)]}")
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="bold", no_wrap=True, min_width=max(len(row.id) for row in machine.rows))
    grid.add_column(width=max(28, *(len(event.name) for event in machine.events)))
    grid.add_column(no_wrap=True, min_width=max(len(other.name) for other in machine.states) + 2)
    grid.add_column(style="dim", overflow="fold")
    for row in rows:
        event = Text(row.event.name, _EVENT_COLOURS[event_kind(row.event)])
        if row.when:
            event.append(f"\nif {guard_text(row)}", "default not bold")
        target = "stays" if row.target is state else f"→ {row.target.name}"
        grid.add_row(row.id, event, target, ", ".join(effect.name for effect in row.effects))
    yield grid
    yield Text()


# The colours of the pictures, among those that every terminal has.
_STATE_COLOURS = {
    StateKind.INITIAL: "white",
    StateKind.UNDER_WAY: "blue",
    StateKind.SETTLED: "green",
    StateKind.FAILURE: "red",
    StateKind.FINAL: "white",
}
_EVENT_COLOURS = {
    EventKind.ORDER: "bold",
    EventKind.HANDSHAKE: "blue",
    EventKind.DATA: "green",
    EventKind.TIMER: "yellow",
    EventKind.FAILURE: "red",
}


def _otherwise(machine: AnyMachine) -> Table:
    """The ignored and refused events: every cell that no row handles, with the states of one reason together."""
    reasons: dict[tuple[str, str, str, str], list[str]] = {}
    for (state, event), cell in machine.cells.items():
        for decision in cell:
            if isinstance(decision, Ignore | Refuse):
                word = "ignored" if isinstance(decision, Ignore) else "refused"
                reasons.setdefault((event.name, word, decision.because, guard_text(decision)), []).append(state.name)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("event", "is", "in", "if", "because"):
        grid.add_column(heading, overflow="fold")
    order = {event.name: index for index, event in enumerate(machine.events)}
    for (event, word, because, guard), states in sorted(reasons.items(), key=lambda item: order[item[0][0]]):
        grid.add_row(event, word, ", ".join(states), guard, because)
    return grid

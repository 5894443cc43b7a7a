"""The generated files of `diagrams/` and of tables in `spec/`, as paths and texts. Nothing is written here.

A `Catalogue` lists the machines and their groups; nothing here depends on session types. Pictures for Graphviz are
listed with the data of `svg.finish`; sequence charts are drawn here.

Rule 1: the first line of every file is the label of generated files (in JSON, the first field).
Rule 2: `diagrams/index.md` shows every picture there is, each with one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.projections import dot, portable, sequence, sequence_svg
from ockam_fsm.projections.layers import Layering, layers_to_dot
from ockam_fsm.projections.markdown import to_markdown
from ockam_fsm.projections.overview import Member, overview_inks, overview_to_dot
from ockam_fsm.projections.pair import Messages, pair_to_dot
from ockam_fsm.projections.sequence import Chart
from ockam_fsm.projections.styling import EventKind, StateKind, generated

AnyMachine: TypeAlias = Machine[Any, Any, Any]

DIAGRAMS, TABLES, MACHINES_JSON = "diagrams", "spec/tables", "spec/machines.json"


@dataclass(frozen=True)
class Subject:
    """A machine, one sentence about it, and the source file of its table."""

    machine: AnyMachine
    summary: str
    page: str

    @property
    def slug(self) -> str:
        return slug(self.machine.name)


@dataclass(frozen=True)
class Pair:
    """Two machines that exchange messages."""

    name: str
    summary: str
    left: Subject
    right: Subject


@dataclass(frozen=True)
class Catalogue:
    """All machines: `pairs`, `family` (for the overview) and single machines (`alone`); `layerings` and `charts` of
    runs."""

    page: str
    pairs: tuple[Pair, ...]
    family: tuple[Member, ...]
    family_title: str
    family_summary: str
    alone: tuple[Subject, ...]
    messages: Messages
    layerings: tuple[Layering, ...] = ()
    charts: tuple[Chart, ...] = ()

    def runs(self) -> Iterator[Layering | Chart]:
        """Yield the pictures of runs."""
        yield from self.layerings
        yield from self.charts

    def subjects(self) -> Iterator[Subject]:
        for pair in self.pairs:
            yield pair.left
            yield pair.right
        yield from self.alone


@dataclass(frozen=True)
class Picture:
    """A picture for Graphviz. `stem`: its path without the suffix; the other fields are for `svg.finish`."""

    stem: str
    dot: str
    page: str
    inks: Mapping[str, str]
    headings: Collection[str]


def slug(name: str) -> str:
    """Return `name` as part of a path."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def pictures(catalogue: Catalogue) -> tuple[Picture, ...]:
    """Return all pictures for Graphviz."""
    return (
        _overview(catalogue),
        *(pair_picture(pair, catalogue.messages) for pair in catalogue.pairs),
        *(machine_picture(subject) for subject in catalogue.subjects()),
        *(_layers(one, catalogue.page) for one in catalogue.layerings),
    )


def texts(catalogue: Catalogue) -> dict[str, str]:
    """Return path -> text of every generated file, except those drawn by Graphviz."""
    files = {f"{picture.stem}.dot": picture.dot for picture in pictures(catalogue)}
    for chart in catalogue.charts:
        files[f"{DIAGRAMS}/{slug(chart.name)}.svg"] = sequence_svg.to_svg(chart, catalogue.page)
        files[f"{DIAGRAMS}/{slug(chart.name)}.mmd"] = sequence.to_mermaid(chart, catalogue.page)
    files[f"{DIAGRAMS}/index.md"] = _index(catalogue)
    for subject in catalogue.subjects():
        files[f"{TABLES}/{subject.slug}.md"] = to_markdown(subject.machine, subject.page, subject.summary)
    machines = [subject.machine for subject in catalogue.subjects()]
    return files | {MACHINES_JSON: portable.document(machines, catalogue.page)}


def machine_picture(subject: Subject) -> Picture:
    machine = subject.machine
    source = dot.to_dot(machine, subject.page, subject.summary)
    return Picture(f"{DIAGRAMS}/{subject.slug}", source, subject.page, dot.inks(machine), dot.headings(machine))


def pair_picture(pair: Pair, messages: Messages) -> Picture:
    left, right = pair.left.machine, pair.right.machine
    source = pair_to_dot(left, right, messages, pair.left.page, pair.name, pair.summary)
    sides = {machine.name.rpartition(" ")[2] for machine in (left, right)}
    headings = dot.headings(left) | dot.headings(right) | sides | {pair.name}
    return Picture(f"{DIAGRAMS}/{slug(pair.name)}", source, pair.left.page, dot.inks(left) | dot.inks(right), headings)


def _layers(layering: Layering, page: str) -> Picture:
    headings = {layering.title, *layering.nodes, *(row.name for row in layering.rows)}
    return Picture(f"{DIAGRAMS}/{slug(layering.name)}", layers_to_dot(layering, page), page, {}, headings)


def _overview(catalogue: Catalogue) -> Picture:
    title = catalogue.family_title
    source = overview_to_dot(catalogue.family, catalogue.page, title, catalogue.family_summary)
    headings = {title, *(member.name for member in catalogue.family)}
    return Picture(f"{DIAGRAMS}/overview", source, catalogue.page, overview_inks(), headings)


def _index(catalogue: Catalogue) -> str:
    sections = [
        f"<!-- {generated(catalogue.page)} -->\n# The machines in pictures",
        f"{_contents(catalogue)}",
        "## How to read them",
        _legend(),
        _shown("overview", catalogue.family_title, f"{catalogue.family_title}: {catalogue.family_summary}."),
    ]
    for pair in catalogue.pairs:
        sections.append(
            _shown(slug(pair.name), pair.name, f"Both roles and the messages between them: {pair.summary}.")
        )
        sections += [_machine(subject, "###") for subject in (pair.left, pair.right)]
    sections += [_machine(subject, "##") for subject in catalogue.alone]
    sections += [_shown(slug(one.name), one.title, one.sentence) for one in catalogue.runs()]
    return "\n\n".join(sections) + "\n"


def _machine(subject: Subject, heading: str) -> str:
    table = f"[every row in full](../{TABLES}/{subject.slug}.md)"
    machine = subject.machine
    sentence = f"{len(machine.states)} states, {len(machine.rows)} rows: {table}."
    return _shown(subject.slug, machine.name, sentence, heading)


def _shown(name: str, title: str, sentence: str, heading: str = "##") -> str:
    return f"{heading} {title}\n\n{sentence}\n\n![{title}]({name}.svg)"


def _contents(catalogue: Catalogue) -> str:
    titles: Sequence[str] = [
        catalogue.family_title,
        *(pair.name for pair in catalogue.pairs),
        *(subject.machine.name for subject in catalogue.alone),
        *(one.title for one in catalogue.runs()),
    ]
    # Markdown viewers make anchors from headings: lower case, hyphens for spaces, other marks dropped.
    return "\n".join(f"* [{t}](#{re.sub(r'[^a-z0-9 _-]', '', t.lower()).replace(' ', '-')})" for t in titles)


def _legend() -> str:
    boxes = ", ".join(f"{kind.value.colour} *{kind.value.caption}*" for kind in StateKind)
    lines = ", ".join(f"{kind.value.colour} {kind.value.line} *{kind.value.caption}*" for kind in EventKind)
    return (
        f"* A box is a state: {boxes}. It lists the rows that stay in the state.\n"
        "* An arrow has a card with its rows, one per line: the row's id, its event and, in brackets, its guard.\n"
        f"* Colours show the source of an event: {lines}. An arrow with rows of several kinds has a strand of each.\n"
        "* Hover over a card or a box of an opened picture to see the effects; the tables have everything."
    )

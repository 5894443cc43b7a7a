"""Generated files: labelled, shown in the index, and the same each time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath

from ockam_fsm.machines import MACHINES
from ockam_fsm.projections import gallery
from ockam_fsm.specification.machine_index import catalogue
from tests.projections.test_sequence import CHART

BOOK = replace(catalogue(), charts=(CHART,))
TEXTS = gallery.texts(BOOK)
PICTURES = gallery.pictures(BOOK)


def test_every_file_is_labelled_on_its_first_line() -> None:
    for path, text in TEXTS.items():
        if path.endswith(".json"):
            assert json.loads(text)["generated"].startswith("GENERATED from ")
        else:
            assert "GENERATED from ockam_fsm/machines/" in text.splitlines()[0], path


def test_every_machine_has_a_picture_and_a_table() -> None:
    for machine in MACHINES:
        name = gallery.slug(machine.name)
        assert f"diagrams/{name}.dot" in TEXTS
        assert f"spec/tables/{name}.md" in TEXTS
    assert len(PICTURES) == 1 + 6 + len(MACHINES)
    assert len({picture.stem for picture in PICTURES}) == len(PICTURES)


def test_the_index_shows_every_picture_with_a_sentence() -> None:
    index = TEXTS["diagrams/index.md"]
    shown = re.findall(r"\n\n([^\n]+)\n\n!\[[^\]]+\]\(([^)]+)\)", index)
    drawn = {PurePosixPath(picture.stem).name + ".svg" for picture in PICTURES}
    assert {file for _, file in shown} == drawn | {"stale-answer.svg"}
    assert all(sentence.endswith((".", ").")) for sentence, _ in shown)


def test_the_links_of_the_index_lead_somewhere() -> None:
    index = TEXTS["diagrams/index.md"]
    for table in re.findall(r"\(\.\./(spec/tables/[^)]+)\)", index):
        assert table in TEXTS
    headings = {
        re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^##+ (.+)$", index, re.MULTILINE)
    }
    assert set(re.findall(r"\(#([^)]+)\)", index)) <= headings


def test_a_chart_is_drawn_and_written() -> None:
    assert "diagrams/stale-answer.svg" in TEXTS
    assert "diagrams/stale-answer.mmd" in TEXTS


def test_the_same_machines_give_the_same_files() -> None:
    assert gallery.texts(BOOK) == TEXTS

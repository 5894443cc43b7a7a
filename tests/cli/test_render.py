"""`ockam-fsm render`: written files pass the check, and every difference is detected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.checking.shipped import properties_page
from ockam_fsm.cli import app, render
from ockam_fsm.cli.app import DIFFERS, OK, USAGE
from ockam_fsm.demo.chart import recorded_layers
from ockam_fsm.projections import gallery, svg, tla
from ockam_fsm.projections.gallery import Picture
from ockam_fsm.specification import promela_files, tla_files
from ockam_fsm.specification.machine_index import catalogue
from ockam_fsm.tools.graphviz import RenderingError

RUN = CliRunner()
FEW = replace(catalogue(), pairs=(), layerings=(recorded_layers(),))


def pretended(picture: Picture) -> str:
    """Return a finished picture without a drawing."""
    return svg.finish("<svg></svg>", picture.dot, picture.page, {})


@pytest.fixture(autouse=True)
def few_machines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use only the overview and the single machines: they have every kind of file."""
    if "slow" not in request.keywords:
        monkeypatch.setattr(render, "catalogue", lambda _charts: FEW)


@pytest.fixture
def rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(render, "svg_of", pretended)
    folder = tmp_path / "pictures"  # render creates it
    assert RUN.invoke(app, ["render", "--into", str(folder)]).exit_code == OK
    return folder


def checked(root: Path) -> dict[str, object]:
    result = RUN.invoke(app, ["render", "--check", "--json", "--into", str(root)])
    data: dict[str, object] = json.loads(result.stdout)
    assert result.exit_code == (DIFFERS if data["differs"] else OK)
    return data


SAME = {"checked": True, "differs": False, "missing": [], "stale": [], "left_over": []}


def test_rendered_files_pass_the_check(rendered: Path) -> None:
    assert checked(rendered) == SAME
    written = {str(file.relative_to(rendered)) for file in rendered.rglob("*") if file.is_file()}
    pictures = {f"{picture.stem}.svg" for picture in gallery.pictures(FEW)}
    assert written == {
        *gallery.texts(FEW),
        *tla_files.texts(FEW),
        *promela_files.texts(),
        *pictures,
        properties_page.PATH,
    }


TAMPERED = (
    "diagrams/spawner.dot",
    "diagrams/index.md",
    "spec/machines.json",
    "spec/tables/spawner.md",
    "spec/tla/tables/Spawner.tla",
)


def test_a_changed_text_is_stale(rendered: Path) -> None:
    for file in (rendered / path for path in TAMPERED):
        file.write_bytes(file.read_bytes().replace(b"SP4", b"SP5").replace(b"spawner", b"spawned"))
    assert checked(rendered) == SAME | {"differs": True, "stale": sorted(TAMPERED)}
    assert RUN.invoke(app, ["render", "--into", str(rendered)]).exit_code == OK
    assert checked(rendered) == SAME


def test_a_changed_table_makes_its_files_stale(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = FEW
    spawner = book.alone[-1]
    row = spawner.machine.rows[0]
    changed = spawner.machine.with_rows(spawner.machine.name, replace(row, effects=()))
    other = replace(book, alone=(*book.alone[:-1], replace(spawner, machine=changed)))
    monkeypatch.setattr(render, "catalogue", lambda _charts: other)
    stale = [
        f"diagrams/{spawner.slug}.dot",
        f"diagrams/{spawner.slug}.svg",
        "spec/machines.json",
        f"spec/tables/{spawner.slug}.md",
        f"spec/tla/tables/{tla.module_name(spawner.machine.name)}.tla",
    ]
    assert checked(rendered) == SAME | {"differs": True, "stale": stale}


def test_a_picture_of_another_source_is_stale_and_another_layout_is_not(rendered: Path) -> None:
    file = rendered / "diagrams/spawner.svg"
    text = file.read_text()
    file.write_text(text.replace("<svg>", '<svg width="10">'))
    assert checked(rendered) == SAME
    file.write_text(text.replace(svg.digest_in(text), "0" * 64))
    assert checked(rendered) == SAME | {"differs": True, "stale": ["diagrams/spawner.svg"]}


def test_a_missing_file_is_missing(rendered: Path) -> None:
    (rendered / "diagrams/spawner.svg").unlink()
    (rendered / "spec/machines.json").unlink()
    assert checked(rendered)["missing"] == ["diagrams/spawner.svg", "spec/machines.json"]


def test_a_generated_file_without_a_machine_is_left_over_and_removed(rendered: Path) -> None:
    gone, kept = rendered / "diagrams/gone.dot", rendered / "diagrams/by-hand.md"
    gone.write_text("// GENERATED from ockam_fsm/machines/gone.py; edit the table\n")
    kept.write_text("# Drawn by hand\n\nNot GENERATED from anything.\n")
    assert checked(rendered) == SAME | {"differs": True, "left_over": ["diagrams/gone.dot"]}
    assert "removed   diagrams/gone.dot" in RUN.invoke(app, ["render", "--into", str(rendered)]).stdout
    assert not gone.exists()
    assert kept.exists()


def test_the_check_writes_nothing(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["render", "--check", "--into", str(tmp_path)])
    assert result.exit_code == DIFFERS
    assert "missing   diagrams/index.md" in result.stdout
    assert "ockam-fsm render" in result.stderr
    assert not list(tmp_path.iterdir())


def test_rendering_again_writes_nothing(rendered: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in rendered.rglob("*")}
    result = RUN.invoke(app, ["render", "--into", str(rendered)])
    files = sum(file.is_file() for file in rendered.rglob("*"))
    assert result.stdout == f"{files} generated files are up to date\n"
    assert {file: file.stat().st_mtime_ns for file in rendered.rglob("*")} == before


def test_a_path_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (["--into", str(tmp_path / "file")], ["--check", "--into", str(tmp_path / "no")]):
        result = RUN.invoke(app, ["render", *words])
        assert result.exit_code == USAGE
        assert "is not a folder" in result.stderr


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "diagrams").write_text("a file where a folder should be")
    result = RUN.invoke(app, ["render", "--into", str(tmp_path)])
    assert result.exit_code == USAGE
    assert "cannot write" in result.stderr


def test_no_renderer_is_an_error_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_source: str) -> str:
        raise RenderingError("There is no Graphviz.", "Install it.")

    monkeypatch.setattr("ockam_fsm.cli.shared.drawing.render_svg", broken)
    result = RUN.invoke(app, ["render", "--into", str(tmp_path)])
    assert result.exit_code == USAGE
    assert result.stderr.startswith("error: There is no Graphviz.\nInstall it.\n")


@pytest.mark.slow
def test_the_real_pictures_are_drawn_and_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert RUN.invoke(app, ["render", "--into", str(tmp_path)]).exit_code == OK
    assert checked(tmp_path) == SAME

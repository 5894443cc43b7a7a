"""`ockam-fsm render`: write or compare the files that are generated from the tables.

Rule 1: comparing draws nothing. Texts are generated in memory and compared byte by byte; a picture that Graphviz drew
        is compared by the digest of its source, since layouts differ between versions of Graphviz.
Rule 2: only files with the label of generated files are removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, fail, out, print_json
from ockam_fsm.cli.shared.drawing import svg_of
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.files import write_whole
from ockam_fsm.projections import gallery, svg
from ockam_fsm.projections.gallery import Catalogue, Picture
from ockam_fsm.projections.sequence import Chart
from ockam_fsm.specification import promela_files, tla_files
from ockam_fsm.specification.machine_index import catalogue

LABEL = "GENERATED from "
PLACES = (
    (gallery.DIAGRAMS, "*"),
    (gallery.TABLES, "*.md"),
    (tla_files.TABLES, "*"),
    (tla_files.MODELS, "*"),
    (promela_files.FOLDER, "*.pml"),
)
"""Folders with generated files, and the pattern of the generated files in each."""


@dataclass(frozen=True)
class FileDifferences:
    """The differences between the files in a folder and the generated ones; paths, in order."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return bool(self.missing or self.stale or self.left_over)


@command
def render(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file differs.")] = False,
    into: Annotated[Path, typer.Option(help="The folder that contains `diagrams` and `spec`.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Generate the files for every machine: `diagrams/`, `spec/tables/`, `spec/promela/` and so on.

    Examples:

    * `ockam-fsm render  # write changed files, remove those without a machine`
    * `ockam-fsm render --check  # list the differences, write nothing`
    * `ockam-fsm render --into pictures`
    """
    from ockam_fsm.demo.chart import recorded_layers

    if not into.is_dir() and (check or into.exists()):
        fail(f"{into} is not a folder.", "Name a folder with --into.")
    try:
        generated = Generated.of(replace(catalogue(recorded_charts()), layerings=(recorded_layers(),)))
    except DefinitionError as error:
        fail(str(error), "Every S and R property needs a machine in checking/sessions/known_bad.py that it rejects.")
    found = compared(generated, into)
    if not check:
        try:
            _write(generated, into, found)
        except OSError as error:
            fail(f"cannot write {error.filename}: {error.strerror}.", "Choose another folder with --into.")
    _report(found, generated, check, as_json)
    if check and found.differs:
        raise typer.Exit(DIFFERS)


def recorded_charts() -> tuple[Chart, ...]:
    """Return the runs that are drawn as sequence charts."""
    from ockam_fsm.checking.sessions.charts import chart_of
    from ockam_fsm.checking.sessions.scenarios import record, scenarios
    from ockam_fsm.checking.streams.scenarios import stream_scenarios
    from ockam_fsm.demo.chart import recorded_chart

    recorded = (
        chart_of(one.name, one.title, one.sentence, one.world, record(one))
        for one in (*scenarios(), *stream_scenarios())
    )
    return (*recorded, recorded_chart())


@dataclass(frozen=True)
class Generated:
    """The content of all generated files, by path: texts, and pictures that Graphviz draws."""

    texts: dict[str, str]
    pictures: dict[str, Picture]

    @classmethod
    def of(cls, book: Catalogue) -> Generated:
        from ockam_fsm.checking.shipped import properties_page

        texts = (
            gallery.texts(book)
            | tla_files.texts(book)
            | promela_files.texts()
            | {properties_page.PATH: properties_page.document()}
        )
        return cls(texts, {f"{picture.stem}.svg": picture for picture in gallery.pictures(book)})

    def text(self, path: str) -> str:
        return self.texts[path] if path in self.texts else svg_of(self.pictures[path])

    def agrees(self, path: str, content: bytes) -> bool:
        if path in self.texts:
            return content == self.texts[path].encode()
        return svg.digest_in(content.decode(errors="replace")) == svg.digest(self.pictures[path].dot)


def compared(generated: Generated, root: Path) -> FileDifferences:
    """Return the differences under `root`."""
    expected = sorted({*generated.texts, *generated.pictures})
    missing = tuple(path for path in expected if not (root / path).is_file())
    there = [path for path in expected if path not in missing]
    stale = tuple(path for path in there if not generated.agrees(path, (root / path).read_bytes()))
    return FileDifferences(missing, stale, tuple(path for path in _labelled(root) if path not in expected))


def _labelled(root: Path) -> Iterator[str]:
    """The generated files under `root`, in order."""
    for folder, pattern in PLACES:
        for file in sorted((root / folder).glob(pattern)):
            if file.is_file() and LABEL in file.read_bytes()[:400].decode(errors="replace").partition("\n")[0]:
                yield f"{folder}/{file.name}"


def _write(generated: Generated, root: Path, found: FileDifferences) -> None:
    console = err()
    due = [*found.missing, *found.stale]
    for path in track(due, "rendering", console=console, transient=True, disable=not console.is_terminal):
        text = generated.text(path)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(root / path, text)
    for path in found.left_over:
        (root / path).unlink()


def _report(found: FileDifferences, generated: Generated, check: bool, as_json: bool) -> None:
    if as_json:
        print_json({"checked": check, "differs": found.differs, **asdict(found)})
        return
    words = ("missing", "stale", "left over") if check else ("new", "changed", "removed")
    for word, paths in zip(words, (found.missing, found.stale, found.left_over), strict=True):
        for path in paths:
            out().print(f"{word:<9} {path}", soft_wrap=True)
    if not found.differs:
        out().print(f"{len(generated.texts) + len(generated.pictures)} generated files are up to date")
    elif check:
        err().print("Run `ockam-fsm render` and commit the changed files.")

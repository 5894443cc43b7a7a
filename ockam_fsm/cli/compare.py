"""`ockam-fsm compare`: the conformance reports of several implementations, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ockam_fsm.cli.app import JsonOption, command, fail, out, print_json
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.files import write_whole

if TYPE_CHECKING:
    from ockam_fsm.conformance.report.comparison import Compared


@command
def compare(
    reports: Annotated[
        list[str], typer.Argument(metavar="[NAME=]FILE", help="The output of `conform --json` for each one.")
    ],
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table as one HTML page.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the reports of `conform` for several implementations: a row for each clause, a column for each report.

    A clause that applies to none of them is left out. In the HTML page a verdict links to its evidence if `conform
    --html` has written a page of the same name beside the report. The exit code is 0 whatever the verdicts are.

    Examples:

    * `ockam-fsm compare ours=ours.json theirs=theirs.json`
    * `ockam-fsm compare ours.json theirs.json --html comparison.html`
    """
    from ockam_fsm.conformance.report.comparison import to_json, to_page

    columns = [_read(one) for one in reports]
    names = [one.name for one in columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        fail(f"two reports are named {twice}.", "Give them different names: NAME=FILE.")
    if html is not None:
        try:
            write_whole(html, to_page(columns))
        except OSError as error:
            fail(f"cannot write {html}: {error.strerror}.", "Choose another file with --html.")
    if as_json:
        print_json(to_json(columns))
    else:
        out().print(_table(columns))


def _read(given: str) -> Compared:
    from ockam_fsm.conformance.report.comparison import read_report

    name, named, file = given.rpartition("=")
    path = Path(file)
    try:
        return read_report(name if named else path.stem, path)
    except LocalSessionError as error:
        fail(f"{error}.", "See `ockam-fsm conform --help`.")
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}.", "Name a file with the output of `ockam-fsm conform --json`.")


def _table(columns: list[Compared]) -> Table:
    from ockam_fsm.conformance.report.comparison import rows

    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("clause", no_wrap=True)
    grid.add_column("", overflow="ellipsis", no_wrap=True, ratio=1)
    for one in columns:
        grid.add_column(one.name)
    for number, title, found in rows(columns):
        grid.add_row(number, title, *(verdict.value for verdict in found))
    return grid

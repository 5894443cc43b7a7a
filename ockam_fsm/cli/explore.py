"""`ockam-fsm explore`: step through a world in a browser, from one file or from a server on loopback.

Rule 1: the page is made from the same handlers, tables and properties as `check` and `replay`; a path means the same in
        all three.
"""

from __future__ import annotations

import secrets
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import command, err, fail, out
from ockam_fsm.cli.shared.world_index import (
    BoundOption,
    Candidate,
    FromOption,
    bounds_of,
    require_bounds,
    single,
    user_errors,
    within,
)
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.files import write_whole
from ockam_fsm.machines.session import TYPES

if TYPE_CHECKING:
    from ockam_fsm.explorer.page import Exhibit

OF_A_TYPE = "closed"
"""The world that stands for a type: it has no bound on the number of renegotiations, and few states."""


@command
def explore(
    what: Annotated[
        str, typer.Argument(metavar="TYPE|WORLD", help="A session type, a world, or a known-bad machine.")
    ] = "",
    source: FromOption = "",
    bound: BoundOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file, and serve nothing.")] = None,
    states: Annotated[int, typer.Option(min=1, max=50_000, help="The most states inside the page.")] = 8000,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0: a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Step through a world in a browser: deliver, drop or duplicate messages, fire timers, give orders.

    The page shows both tables with the present state lit, the row that each step took with the text of its clause,
    why every other event is ignored or refused, and the status of every property. A known-bad machine opens at its
    counterexample. A type stands for its world `closed`.

    With `--html` the page is one file, which needs no server and no network. It has the whole world if that is small,
    else the states nearest to the start. Without `--html` the page is served on 127.0.0.1 until Ctrl-C, and any path
    can be walked.

    Examples:

    * `ockam-fsm explore explicit-transient --html explicit-transient.html`
    * `ockam-fsm explore established-on-answering  # a known-bad machine`
    * `ockam-fsm explore explicit-transient:lossy --no-browser`
    * `ockam-fsm explore --from my_protocol:WORLD  # a World of your own`
    """
    if not what and not source:
        fail("there is nothing to explore.", "Run: ockam-fsm explore TYPE|WORLD")
    exhibit = _exhibit(what, source, bound, states)
    if html is not None:
        _write(html, exhibit)
    else:
        _serve(exhibit, port, open_browser=browser)


def _exhibit(what: str, source: str, bound: list[str] | None, states: int) -> Exhibit:
    """Search the world, for the verdicts and traces that the page shows."""
    from ockam_fsm.checking import DEFAULT_STATE_LIMIT
    from ockam_fsm.checking import explore as search
    from ockam_fsm.explorer.page import Exhibit

    is_type = what in [kind.name for kind in TYPES]
    candidate = single(f"{what}:{OF_A_TYPE}" if is_type else what, source)
    bounds = bounds_of(bound)
    require_bounds([candidate], bounds)
    world = within(candidate, bounds)
    err().print(f"searching {world.name} ...", soft_wrap=True)
    try:
        with user_errors(source):
            # A known-bad machine is searched until it is refuted: its page opens at the counterexample.
            found = search(world, state_limit=DEFAULT_STATE_LIMIT if candidate.rejected_by else states)
    except DefinitionError as error:
        fail(str(error))
    command_line = _replay(candidate, bound or [])
    return Exhibit(world, found, command_line, states, candidate.rejected_by, candidate.because)


def _replay(candidate: Candidate, bounds: list[str]) -> tuple[str, str]:
    """The command line that replays a path of this world: the parts before and after the path."""
    name = f"--from {candidate.source}" if candidate.source else candidate.name
    return f"ockam-fsm replay {name}", "".join(f" --bound {bound}" for bound in bounds)


def _page(exhibit: Exhibit, *, served: bool) -> str:
    from ockam_fsm.cli.shared.drawing import svg_of
    from ockam_fsm.explorer.page import page

    return page(exhibit, svg_of, served=served)


def _write(file: Path, exhibit: Exhibit) -> None:
    text = _page(exhibit, served=False)
    try:
        write_whole(file, text)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}.", "Choose another file with --html.")
    err().print(f"wrote {file}", soft_wrap=True)


def _serve(exhibit: Exhibit, port: int, *, open_browser: bool) -> None:
    from ockam_fsm.explorer.server import ExplorerServer

    text = _page(exhibit, served=True)
    try:
        server = ExplorerServer(text, exhibit.world, secrets.token_urlsafe(16), port)
    except OSError as error:
        fail(f"cannot listen on port {port}: {error.strerror}.", "Choose another one with --port, or 0 for a free one.")
    with server:
        out().print(server.url, soft_wrap=True)
        err().print("Ctrl-C ends the server.")
        if open_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            err().print("stopped")

"""`ockam-fsm spec`: TLC on every model of `spec/tla`, compared with what is pinned.

Rule 1: what runs are the files in the folder; `render --check` is what says that they are those of the tables.
Rule 2: states and transitions are compared where a model is searched whole, the steps of a counterexample where it is a
        shortest one. A temporal counterexample ends in a loop, and has no shortest length that two searches share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ockam_fsm.cli.app import DIFFERS, OK, JsonOption, app, err, fail, out, print_json, unknown
from ockam_fsm.cli.pins import MANIFEST, pinned, write
from ockam_fsm.edges.tlc import Found, TlcError, require, run

SECTION = "tlc"
CORES = os.cpu_count() or 1
WIDTH = 44


@app.command()
def spec(
    names: Annotated[list[str] | None, typer.Argument(metavar="[MODEL...]", help="Models; by default all.")] = None,
    root: Annotated[Path, typer.Option(help="The folder that has `spec`.")] = Path("."),
    workers: Annotated[int, typer.Option(min=1, help="Threads, for what is searched whole.")] = CORES,
    pin: Annotated[bool, typer.Option("--pin", help="Write what is found into spec/manifest.json.")] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Run TLC on the formal specification, and compare with what is pinned in `spec/manifest.json`.

    Exit code 0: every model is as pinned; 1: one differs; 2: TLC or Java is missing, or has no verdict.

    Examples:

    * `make spec` installs what is needed, and runs this
    * `ockam-fsm spec MCExplicitTransient`
    * `ockam-fsm spec --pin`
    """
    from ockam_fsm.cli.specification import models

    known = [model.name for model in models()]
    for name in names or ():
        if name not in known:
            unknown("model", name, known)
    if pin and names:
        fail("only the whole is pinned.", "ockam-fsm spec --pin")
    folder = root / "spec" / "tla"
    if not folder.is_dir():
        fail(f"{root} has no spec/tla.", "Run it in a clone of ockam_fsm, or name one with --root.")
    pins = {} if pin else _pins(root)
    entries = list(_all(names or known, folder, workers, pins, json_wanted))
    if pin:
        write(root / MANIFEST, {SECTION: [_pinned_part(entry) for entry in entries]})
    differing = [entry["name"] for entry in entries if not pin and _pinned_part(entry) != pins.get(entry["name"])]
    if json_wanted:
        print_json({"models": entries, "differing": differing})
    elif differing:
        err().print(f"not as pinned: {', '.join(differing)}", soft_wrap=True)
    raise typer.Exit(DIFFERS if differing else OK)


def _all(
    names: Sequence[str], folder: Path, workers: int, pins: dict[str, Any], quiet: bool
) -> Iterator[dict[str, Any]]:
    """Each model's result, said as soon as it is there."""
    try:
        require()
        if not quiet:
            out().print(f"{'model':<{WIDTH}} {'verdict':<8} {'states':>9} {'steps':>5} {'seconds':>7} {'MB':>5}")
        for name in names:
            entry = entry_of(name, folder, workers)
            if not quiet:
                out().print(_line(entry, pins), highlight=False, soft_wrap=True, markup=False)
            yield entry
    except TlcError as error:
        fail(error.fact, error.remedy)


def entry_of(name: str, folder: Path, workers: int) -> dict[str, Any]:
    """What TLC finds in one model; one worker where a shortest counterexample is expected."""
    from ockam_fsm.cli.specification import refuted

    found = run(folder / "models" / f"{name}.tla", folder, 1 if name in refuted() else workers)
    return _entry(name, found)


def _entry(name: str, found: Found) -> dict[str, Any]:
    whole, exact = found.verdict == "PROVED", found.kind in ("invariant", "step")
    return {
        "name": name,
        "verdict": found.verdict,
        "states": found.states if whole else None,
        "transitions": found.transitions if whole else None,
        "steps": found.steps if exact else None,
        "trace": list(found.trace) if exact else [],
        "seconds": round(found.seconds, 1),
        "megabytes": found.megabytes,
    }


def _pinned_part(entry: dict[str, Any]) -> dict[str, Any]:
    """What is a function of the model; TLC may choose another of several shortest counterexamples."""
    return {field: entry[field] for field in ("name", "verdict", "states", "transitions", "steps")}


def _line(entry: dict[str, Any], pins: dict[str, Any]) -> str:
    states, steps = ("" if entry[field] is None else f"{entry[field]:,}" for field in ("states", "steps"))
    mark = "  NOT AS PINNED" if pins and _pinned_part(entry) != pins.get(entry["name"]) else ""
    figures = f"{states:>9} {steps:>5} {entry['seconds']:>7.1f} {entry['megabytes']:>5}"
    return f"{entry['name']:<{WIDTH}} {entry['verdict']:<8} {figures}{mark}"


def _pins(root: Path) -> dict[str, dict[str, Any]]:
    entries = pinned(root / MANIFEST).get(SECTION)
    if entries is None:
        fail(f"{root / MANIFEST} has no section {SECTION!r}.", "ockam-fsm spec --pin writes it.")
    return {entry["name"]: entry for entry in entries}

"""`ockam-fsm spec`: run TLC on every model of `spec/tla`, and compare the results with the pins.

Rule 1: TLC reads the files in the folder; `render --check` verifies that they match the tables.
Rule 2: states and transitions are compared for a complete search, the number of steps for a shortest counterexample.
        A temporal counterexample ends in a loop; its length differs between searches, so it is not compared.
Rule 3: one model runs on each core, with one thread, since the threads of TLC wait for each other. A single model with
        a complete search uses all cores; a shortest counterexample needs one thread (tlc.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ockam_fsm.cli.app import DIFFERS, OK, JsonOption, command, err, fail, out, print_json, unknown
from ockam_fsm.cli.shared.long_runs import Interruption, Lines, marked, until_interrupted
from ockam_fsm.cli.shared.pins import MANIFEST, pinned, write
from ockam_fsm.tools.tlc import TlcError, TlcResult, require, run

SECTION = "tlc"
CORES = os.cpu_count() or 1
WIDTH = 44


@dataclass(frozen=True)
class TlcJob:
    """One model, as a worker process receives it."""

    name: str
    folder: Path
    threads: int


@command
def spec(
    names: Annotated[list[str] | None, typer.Argument(metavar="MODEL", help="Models to check; default: all.")] = None,
    root: Annotated[Path, typer.Option(help="The folder that contains `spec`.")] = Path("."),
    up_to: Annotated[
        int | None, typer.Option(metavar="STATES", min=0, help="Only models with at most this many pinned states.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Models to check at a time; with one model, its threads.")
    ] = CORES,
    pin: Annotated[bool, typer.Option("--pin", help="Write the results to spec/manifest.json.")] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Run TLC on the formal specification, and compare with the pinned results in `spec/manifest.json`.

    Exit codes: 0 every result equals its pin, 1 one differs, 2 TLC or Java is missing, or TLC reached no verdict,
    130 Ctrl-C (the results so far are printed, and compared).

    Examples:

    * `ockam-fsm spec  # make spec installs TLC first`
    * `ockam-fsm spec MCExplicitTransient`
    * `ockam-fsm spec --up-to 20000  # without the models that take minutes`
    * `ockam-fsm spec --pin`
    """
    if pin and (names or up_to is not None):
        fail("--pin needs a complete run.", "Run: ockam-fsm spec --pin")
    jobs = _jobs(names, root / "spec" / "tla", workers)
    pins = {} if pin else _pins(root)
    if up_to is not None:
        jobs = [job for job in jobs if (pins.get(job.name, {}).get("states") or 0) <= up_to]
    try:
        require()
    except TlcError as error:
        fail(error.fact, error.remedy)
    entries, interruption = _all(jobs, workers, pins, json_wanted)
    if pin and not interruption:
        write(root / MANIFEST, {SECTION: [_pinned_part(entry) for entry in entries]})
    differing = {} if pin else {entry["name"]: found for entry in entries if (found := _differences(entry, pins))}
    if json_wanted:
        print_json(marked({"models": entries, "differing": list(differing)}, interruption))
    else:
        for name, found in differing.items():
            err().print(f"not as pinned: {name}: {found}", soft_wrap=True)
    interruption.exit_if(len(entries), len(jobs), "models were checked")
    raise typer.Exit(DIFFERS if differing else OK)


def _jobs(names: Sequence[str] | None, folder: Path, workers: int) -> list[TlcJob]:
    """Return the jobs of the named models, or of all models."""
    from ockam_fsm.specification.tla_files import models

    known = {model.name: model for model in models()}
    for name in names or ():
        if name not in known:
            unknown("model", name, list(known))
    if not folder.is_dir():
        fail(f"{folder.parent.parent} has no spec/tla.", "Run in a clone of ockam_fsm, or name one with --root.")
    wanted = [known[name] for name in names or known]
    threads = workers if len(wanted) == 1 else 1
    return [TlcJob(model.name, folder, 1 if model.refuted else threads) for model in wanted]


def _all(
    jobs: Sequence[TlcJob], workers: int, pins: dict[str, Any], quiet: bool
) -> tuple[list[dict[str, Any]], Interruption]:
    """Return the results in the order of the jobs; print each one as soon as it is available."""
    from ockam_fsm.tools.process_pool import JobMessage, carry_out

    found: dict[int, dict[str, Any]] = {}
    lines = Lines()

    def receive(message: JobMessage) -> None:
        if "error" in message.value:
            fail(*message.value["error"])
        found[message.job] = message.value
        if not quiet:
            out().print(_line(message.value, pins), soft_wrap=True)
        lines.say(lambda: f"{len(found)} of {len(jobs)} models checked, last {message.value['name']}")

    if not quiet:
        out().print(f"{'model':<{WIDTH}} {'verdict':<8} {'states':>9} {'steps':>5} {'seconds':>7} {'MB':>5}")
    with until_interrupted() as interruption:
        carry_out(checked, jobs, workers, receive)
    return [found[at] for at in sorted(found)], interruption


def checked(job: TlcJob, report: Callable[[Any], None]) -> dict[str, Any]:
    """Return the result of TLC on one model; without a verdict it has the key `error`."""
    try:
        return _entry(job.name, run(job.folder / "models" / f"{job.name}.tla", job.folder, job.threads))
    except TlcError as error:
        return {"error": (error.fact, error.remedy)}


def _entry(name: str, found: TlcResult) -> dict[str, Any]:
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
    """Return the part that is a function of the model; TLC may choose any of several shortest counterexamples."""
    return {field: entry[field] for field in ("name", "verdict", "states", "transitions", "steps")}


def _differences(entry: dict[str, Any], pins: dict[str, Any]) -> str:
    """Return the found and the pinned value of each field that differs."""
    pin = pins.get(entry["name"])
    if pin is None:
        return "it has no pin"
    fields = [field for field, value in _pinned_part(entry).items() if value != pin.get(field)]
    return "; ".join(f"{field} {_figure(entry[field])}, pinned {_figure(pin.get(field))}" for field in fields)


def _figure(value: object) -> str:
    return "none" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _line(entry: dict[str, Any], pins: dict[str, Any]) -> str:
    states, steps = ("" if entry[field] is None else f"{entry[field]:,}" for field in ("states", "steps"))
    mark = "  NOT AS PINNED" if pins and _differences(entry, pins) else ""
    figures = f"{states:>9} {steps:>5} {entry['seconds']:>7.1f} {entry['megabytes']:>5}"
    return f"{entry['name']:<{WIDTH}} {entry['verdict']:<8} {figures}{mark}"


def _pins(root: Path) -> dict[str, dict[str, Any]]:
    entries = pinned(root / MANIFEST).get(SECTION)
    if entries is None:
        fail(f"{root / MANIFEST} has no section {SECTION!r}.", "Write it with: ockam-fsm spec --pin")
    return {entry["name"]: entry for entry in entries}

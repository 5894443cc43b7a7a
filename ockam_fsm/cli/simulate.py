"""`ockam-fsm simulate`: run session types under faults, check every property, and measure the delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TaskID
from rich.text import Text

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, fail, out, print_json, unknown
from ockam_fsm.cli.shared.long_runs import Interruption, Lines, interruption_noted, marked

if TYPE_CHECKING:
    from ockam_fsm.simulation.faults import Faults
    from ockam_fsm.simulation.workload import Setup

MOST_RUNS = 100_000
MOST_GREEDY = 100


@command
def simulate(
    session_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="One type only; without it all types.")
    ] = "",
    over: Annotated[
        str, typer.Option(metavar="TYPE", help="Run each session over another of this type (not a two-sided type).")
    ] = "",
    profile: Annotated[str, typer.Option(help="Handshake profile: generation or ockam.")] = "generation",
    seed: Annotated[int, typer.Option(help="Seed of the first run; each further run adds 1.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each run.")] = 50_000,
    runs: Annotated[int, typer.Option(min=1, max=MOST_RUNS, help="Runs of each type.")] = 1,
    faults: Annotated[str, typer.Option(help="`all`, `none`, or names separated by commas.")] = "all",
    greedy: Annotated[
        int, typer.Option(min=0, max=MOST_GREEDY, help="How many peers to add that fill the memory account of a node.")
    ] = 0,
    trace: Annotated[
        Path | None, typer.Option(help="Write the trace of the first failing run, else of the first run, to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run real sessions in a simulated network, with faults, and check every property after each step.

    A seed determines a run completely. Exit codes: 0 every property holds, 1 a property does not hold, 2 wrong
    usage, 130 Ctrl-C (the results so far are printed; the last run has fewer steps).

    Examples:

    * `ockam-fsm simulate`
    * `ockam-fsm simulate --type implicit-persistent-two-sided --seed 7`
    * `ockam-fsm simulate --type explicit-transient --over implicit-transient`
    * `ockam-fsm simulate --faults none --greedy 3`
    * `ockam-fsm simulate --faults drop,duplicate,reset --runs 10 --json`
    """
    setups = list(_setups(session_type, over, profile, seed, runs, _faults(faults), greedy))
    if trace is not None:
        _require_writable(trace)
    rows: list[dict[str, Any]] = []
    with interruption_noted() as interruption:
        rows.extend(_run(setups, steps, interruption, quiet=as_json))
    broken = [(setup, row) for setup, row in zip(setups, rows, strict=False) if row["broken"]]
    if as_json:
        print_json(marked({"steps": steps, "runs": rows}, interruption))
    else:
        for line in _lines(rows):
            out().print(Text.from_markup(line))
    for setup, row in broken:
        err().print(f"{setup.name}, seed {setup.seed}: {row['broken']} does not hold: {row['detail']}", soft_wrap=True)
    interruption.exit_if(sum(row["steps"] >= steps for row in rows), len(setups), "runs were complete")
    if trace is not None:
        _write(broken[0][0] if broken else setups[0], steps, trace)
    if broken:
        raise typer.Exit(DIFFERS)


def _faults(given: str) -> Faults:
    from ockam_fsm.simulation.faults import ALL, NO_FAULTS, Faults

    if given in ("all", "none"):
        return Faults() if given == "all" else NO_FAULTS
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        if name not in ALL:
            unknown("fault", name, ALL)
    return Faults.of(*names)


def _setups(
    session_type: str, over: str, profile: str, seed: int, runs: int, faults: Faults, greedy: int
) -> Iterator[Setup]:
    from ockam_fsm.machines.session import TYPES
    from ockam_fsm.runtime.session.handshake import PROFILES
    from ockam_fsm.simulation.layers import LayeredSetup
    from ockam_fsm.simulation.workload import Setup

    if profile not in PROFILES:
        unknown("profile", profile, PROFILES)
    for name in (session_type, over):
        if name and name not in [kind.name for kind in TYPES]:
            unknown("session type", name, [kind.name for kind in TYPES])
    _require_possible(session_type, over, profile)
    below = next((kind for kind in TYPES if kind.name == over), None)
    names_sessions = PROFILES[profile].names_sessions
    for kind in TYPES:
        if session_type not in ("", kind.name) or (_is_two_sided(kind.name) and (over or not names_sessions)):
            continue
        for run in range(runs):
            settings = (kind, seed + run, PROFILES[profile], faults)
            if below is None:
                yield Setup(*settings, greedy=greedy)
            else:
                yield LayeredSetup(*settings, greedy=greedy, over=below)


def _require_possible(session_type: str, over: str, profile: str) -> None:
    """Fail for impossible combinations: a two-sided session needs generations and cannot be over or below another; a
    profile over another session must carry routes."""
    from ockam_fsm.runtime.session.handshake import PROFILES

    if over and (_is_two_sided(over) or _is_two_sided(session_type)):
        two_sided = over if _is_two_sided(over) else session_type
        fail(f"{two_sided} is two-sided, which --over does not support.", "Choose other types.")
    if over and not PROFILES[profile].carries_routes:
        fail(f"profile {profile} carries no routes, which --over needs.", "Leave out --profile, or --over.")
    if _is_two_sided(session_type) and not PROFILES[profile].names_sessions:
        fail(f"{session_type} needs generations, which profile {profile} lacks.", "Use --profile generation.")


def _is_two_sided(name: str) -> bool:
    from ockam_fsm.machines.session import TYPES
    from ockam_fsm.machines.vocabulary import Renegotiation

    return any(kind.name == name and kind.renegotiation is Renegotiation.TWO_SIDED for kind in TYPES)


def _run(setups: Sequence[Setup], steps: int, interruption: Interruption, *, quiet: bool) -> Iterator[dict[str, Any]]:
    from ockam_fsm.simulation.runs import simulate as run_one

    lines = Lines()
    console = err()
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        for number, setup in enumerate(setups, start=1):
            if interruption:
                return
            name = f"{setup.name}, seed {setup.seed}"
            task = progress.add_task(name, total=steps)
            began = perf_counter()

            def advance(steps: int, text: str = f"run {number} of {len(setups)}: {name}", task: TaskID = task) -> None:
                progress.advance(task, steps)
                lines.say(lambda: text)

            outcome = run_one(setup, steps, progress=advance, over=interruption.__bool__)
            progress.remove_task(task)
            yield {
                "type": setup.session_type.name,
                "over": setup.header().get("over", ""),
                "profile": setup.profile.name,
                "seed": setup.seed,
                "steps": outcome.steps,
                "virtual_seconds": round(outcome.virtual_seconds, 3),
                "steps_per_second": round(outcome.steps / (perf_counter() - began)),
                "broken": outcome.broken,
                "detail": outcome.detail,
                "delivery": dict(outcome.figures),
            }


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The lines of the output; they fit 80 columns."""
    yield "[bold]Delivery under faults[/]: from the initiator to the responder (there), and back"
    for row in rows:
        holds = f"[red]{row['broken']} does not hold[/]" if row["broken"] else "[green]every property holds[/]"
        yield ""
        name = f"{row['type']} over {row['over']}" if row["over"] else row["type"]
        yield f"[bold]{name}[/]  seed {row['seed']}  {row['steps']:,} steps, {row['steps_per_second']:,}/s"
        yield f"  {holds}"
        for way, figures in row["delivery"].items():
            shares = f"reliability {figures['reliability']:.4f}  uniqueness {figures['uniqueness']:.4f}"
            yield f"  {way:5} {figures['sent']:>7,} sent  {shares}  {_orderings(figures['orderings'])}"


def _orderings(held: list[str]) -> str:
    """Return the strongest orderings: absolute implies all others, strict and continuous imply monotonic."""
    return "absolute" if "absolute" in held else ", ".join(held[1:] or held) or "no ordering"


def _require_writable(path: Path) -> None:
    """Fail before the runs, which may be long, if the trace cannot be written."""
    from ockam_fsm.kernel.files import write_whole

    try:
        write_whole(path, "")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Choose another file with --trace.")


def _write(setup: Setup, steps: int, path: Path) -> None:
    from ockam_fsm.simulation.runs import write_trace

    try:
        write_trace(setup, steps, path)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Choose another file with --trace.")
    err().print(f"wrote {path}", soft_wrap=True)

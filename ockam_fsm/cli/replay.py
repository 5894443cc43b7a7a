"""`ockam-fsm replay`: replay a path through a world, or the trace of a simulation.

Rule 1: a path can be sent to a colleague: the order of enabled actions is a function of the world and its bounds, so
        the same numbers give the same run everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.replay import replay as walk
from ockam_fsm.checking.result import Choice, Moment, State
from ockam_fsm.checking.world import World
from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, fail, out, print_json
from ockam_fsm.cli.shared.world_index import (
    BoundOption,
    FromOption,
    bounds_of,
    require_bounds,
    shipped,
    single,
    user_errors,
    within,
)
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.files import write_whole

PAGE = "a replay of the explorer"
"""The source that the label of the drawing names."""
MOST_DIGITS = 9
KIND_STYLES = {"system": "", "user": "cyan", "fault": "red"}


@command
def replay(
    what: Annotated[str, typer.Argument(metavar="WORLD|TRACE", help="A world, or a trace of `simulate --trace`.")] = "",
    path: Annotated[str, typer.Argument(metavar="PATH", help="Which action at each step: 0/2/1.")] = "",
    source: FromOption = "",
    bound: BoundOption = None,
    choices: Annotated[bool, typer.Option("--choices", help="List all enabled actions at every step.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the sequence chart to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay a counterexample, or any path, and draw it as a sequence chart; or replay a recorded simulation.

    The last lines list the actions that are possible next, by number: append one to the path to go on.

    A trace of `simulate --trace` is run again and compared: exit code 1 if the new run differs.

    Examples:

    * `ockam-fsm replay no-generation 0/0/1/1/1`
    * `ockam-fsm replay explicit-transient:lossy 0/0 --choices`
    * `ockam-fsm replay explicit-transient:lossy 0/0 --svg run.svg`
    * `ockam-fsm replay --from my_protocol:WORLD 0/1  # a World of your own`
    * `ockam-fsm replay failing.jsonl  # written by: ockam-fsm simulate --trace`
    """
    if source:
        what, path = "", path or what
    elif not what:
        fail("there is nothing to replay.", "Run: ockam-fsm replay WORLD PATH, or: ockam-fsm replay TRACE")
    elif what not in shipped() and not path:
        _run_again(Path(what))
        return
    candidate, bounds = single(what, source), bounds_of(bound)
    require_bounds([candidate], bounds)
    world = within(candidate, bounds)
    points = _walked(world, path, source)
    if svg is not None:
        _draw(svg, world, points, path)
    if as_json:
        print_json(_as_json(world, points, path))
    else:
        _print(world, points, choices)


def _walked(world: World, path: str, source: str) -> list[Moment]:
    steps = [step for step in path.split("/") if step]
    if not all(step.isdecimal() and len(step) <= MOST_DIGITS for step in steps):
        fail(f"{path[:80]!r} is not a path.", "Write numbers with slashes between, for example 0/2/1.")
    try:
        with user_errors(source):
            return list(walk(world, [int(step) for step in steps]))
    except DefinitionError as error:
        fail(str(error))
    except IndexError as error:
        fail(f"{path} is not a path through {world.name}: {error}.", "Shorten the path to see the enabled actions.")


# Text -----------------------------------------------------------------------------------------------------------------


def _print(world: World, points: Sequence[Moment], choices: bool) -> None:
    from ockam_fsm.checking.sessions.charts import chart_of
    from ockam_fsm.projections.sequence_text import to_text

    console = out()
    for number, point in enumerate(points):
        for line in _lines(number, points[number - 1].chosen if number else None, point.state):
            console.print(line, soft_wrap=True)
        if choices or point.chosen is None:
            for choice in point.enabled:
                console.print(_choice(choice, point.chosen), soft_wrap=True)
    if not points[-1].enabled:
        console.print("     no action is enabled")
    if len(points) > 1:
        chart = chart_of("replay", world.name, world.title, world, points)
        console.print(Text("\n" + to_text(chart).rstrip("\n")), soft_wrap=True)


def _lines(number: int, cause: Choice | None, state: State) -> Iterator[Text]:
    if cause is None:
        yield Text("  0. start", style="bold")
    else:
        yield Text(f"{number:3}. {cause.label}", style="bold " + KIND_STYLES[cause.kind])
    for name, local in state.locals.items():
        timers = ", ".join(map(spoken, state.timers[name]))
        yield Text(f"     {name}: {spoken(local)}" + (f"; timers: {timers}" if timers else ""))
    if state.network:
        flying = ", ".join(f"{spoken(e.payload)} to {e.receiver}" for e in state.network)
        yield Text(f"     in flight: {flying}")
    for sender, receiver in state.cut_links:
        yield Text(f"     cut: {sender} to {receiver}")


def _choice(choice: Choice, chosen: Choice | None) -> Text:
    mark = ">" if choice == chosen else " "
    return Text(f"   {mark} {choice.index:3}  {choice.label}", style=KIND_STYLES[choice.kind] or "dim")


# Files and JSON -------------------------------------------------------------------------------------------------------


def _draw(file: Path, world: World, points: Sequence[Moment], path: str) -> None:
    from ockam_fsm.checking.sessions.charts import chart_of
    from ockam_fsm.projections.sequence_svg import to_svg

    chart = chart_of("replay", world.name, f"replay of {path or 'the initial state'}", world, points)
    try:
        write_whole(file, to_svg(chart, PAGE))
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}.", "Choose another file with --svg.")
    err().print(f"wrote {file}", soft_wrap=True)


def _as_json(world: World, points: Sequence[Moment], path: str) -> dict[str, Any]:
    return {"world": world.name, "bounds": world.bounds, "path": path, "moments": [_moment(point) for point in points]}


def _moment(point: Moment) -> dict[str, Any]:
    state = point.state
    return {
        "states": {name: spoken(local) for name, local in state.locals.items()},
        "timers": {name: [spoken(timer) for timer in timers] for name, timers in state.timers.items()},
        "in_flight": [{"from": e.sender, "to": e.receiver, "message": spoken(e.payload)} for e in state.network],
        "enabled": [{"index": c.index, "label": c.label, "kind": c.kind} for c in point.enabled],
        "chosen": None if point.chosen is None else point.chosen.index,
    }


# The trace of a simulation --------------------------------------------------------------------------------------------


def _run_again(trace: Path) -> None:
    from ockam_fsm.simulation.runs import replay as run_again

    remedy = "Name a world (`ockam-fsm types --worlds` lists them), or a trace of `ockam-fsm simulate --trace`."
    try:
        line = run_again(trace)
    except OSError as error:
        fail(f"cannot read {trace}: {error.strerror}.", remedy)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError):
        fail(f"{trace} is not a trace of a simulation.", remedy)
    if line:
        out().print(f"line {line} differs: the code has changed since the trace was written", soft_wrap=True)
        raise typer.Exit(DIFFERS)
    out().print("the replay equals the trace, record by record", soft_wrap=True)

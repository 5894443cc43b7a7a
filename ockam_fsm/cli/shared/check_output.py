"""The results of the searches, as text and as JSON. A result is an object of `Result.to_json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ockam_fsm.cli.shared.world_index import Candidate

CheckedWorld: TypeAlias = tuple[Candidate, dict[str, Any]]

MANY = 8
"""A longer table lists for each world only the bounds that cut the search; a shorter one lists all bounds."""

STYLES = {"PROVED": "green", "HOLDS": "green", "REFUTED": "red", "MISSING": "red", "UNDETERMINED": "yellow"}


def is_good(one: Candidate, result: Mapping[str, Any]) -> bool:
    """True for a world that is proved, and for a known-bad machine that its own property rejects."""
    if one.rejected_by:
        return known_bad_verdict(one, result) == "REFUTED"
    return bool(result["verdict"] == "PROVED")


def is_open(one: Candidate, result: Mapping[str, Any]) -> bool:
    """True if there is no verdict: a limit was hit, or the world has no properties."""
    verdict = known_bad_verdict(one, result) if one.rejected_by else result["verdict"]
    nothing = not result["properties"]
    return (result["limit_hit"] is not None or nothing) and bool(verdict == "UNDETERMINED")


def rejecting_result(one: Candidate, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result of the property that must reject this known-bad machine."""
    found: Mapping[str, Any] = next(p for p in result["properties"] if p["id"] == one.rejected_by)
    return found


def known_bad_verdict(one: Candidate, result: Mapping[str, Any]) -> str:
    """Return REFUTED if its own property rejects it (a missing witness counts), else the verdict of that property."""
    verdict = str(rejecting_result(one, result)["verdict"])
    return "REFUTED" if verdict == "MISSING" else verdict


def trace_length(found: Mapping[str, Any]) -> int | None:
    """Return the number of steps of the counterexample; None without one, as for a missing witness."""
    return len(found["labels"]) if found["verdict"] == "REFUTED" else None


# JSON -----------------------------------------------------------------------------------------------------------------

WORLD_FIELDS = ("bounds", "states", "transitions", "depth", "verdict", "properties", "never_taken", "seconds")


def as_json(pairs: Sequence[CheckedWorld]) -> dict[str, Any]:
    """Return the object that `check --json` prints."""
    return {
        "worlds": [
            {"name": one.name, "type": one.type} | {field: result[field] for field in WORLD_FIELDS}
            for one, result in pairs
            if not one.rejected_by
        ],
        "known_bad": [
            {
                "name": one.name,
                "verdict": known_bad_verdict(one, result),
                "property": one.rejected_by,
                "trace_length": trace_length(rejecting_result(one, result)),
            }
            for one, result in pairs
            if one.rejected_by
        ],
    }


# Text -----------------------------------------------------------------------------------------------------------------


def print_results(pairs: Sequence[CheckedWorld], console: Console) -> None:
    """Print the tables, then the failures, then one line that sums up."""
    worlds = [pair for pair in pairs if not pair[0].rejected_by]
    bad = [pair for pair in pairs if pair[0].rejected_by]
    if worlds:
        for line in _world_lines(worlds):
            console.print(line)
    if bad:
        console.print(_known_bad_table(bad))
    for one, result in pairs:
        if not is_good(one, result) or (one.rejected_by and len(pairs) == 1):
            for line in _explanation(one, result):
                console.print(line, soft_wrap=True)
    console.print(_summary(worlds, bad))


def _verdict(word: str) -> Text:
    return Text(word, style=STYLES[word])


def _world_lines(pairs: Sequence[CheckedWorld]) -> Iterator[RenderableType]:
    """One line for each world, under its type, and its bounds beneath; the figures fit 80 columns."""
    width = max(len(_within_type(one)) for one, _ in pairs) + 2
    heads = f"{'states':>10}{'transitions':>13}{'depth':>7}{'seconds':>9}"
    yield Text.assemble(("Worlds: every reachable state".ljust(width + 14), "italic"), (heads, "bold"))
    heading = None
    for one, result in pairs:
        if one.type != heading:
            heading = one.type
            yield Text(one.type or "", style="bold")
        counts = f"{result['states']:>10,}{result['transitions']:>13,}{result['depth']:>7}{result['seconds']:>9.1f}"
        name = f"  {_within_type(one)}".ljust(width + 2)
        yield Text.assemble(name, (result["verdict"].ljust(12), STYLES[result["verdict"]]), counts)
        if bounds := _shown_bounds(result, only_reached=len(pairs) > MANY):
            yield Padding(Text(bounds, style="dim"), (0, 0, 0, 4))
        if result["never_taken"]:
            yield Padding(Text(f"never taken: {', '.join(result['never_taken'])}", style="yellow"), (0, 0, 0, 4))


def _within_type(one: Candidate) -> str:
    return one.name.removeprefix(f"{one.type}:")


def _shown_bounds(result: Mapping[str, Any], *, only_reached: bool) -> str:
    bounds, reached = result["bounds"], result["bounds_reached"]
    return bounds_text({name: bounds[name] for name in reached if name in bounds} if only_reached else bounds)


def bounds_text(bounds: Mapping[str, Any]) -> str:
    """Return the bounds as in `in_flight=2 drop initiator.open=1`; an unlimited one has no number."""
    named = [(name.removeprefix("order ").removeprefix("fault "), limit) for name, limit in bounds.items()]
    return " ".join(name if limit == "unlimited" else f"{name}={limit}" for name, limit in named)


def _known_bad_table(pairs: Sequence[CheckedWorld]) -> Table:
    table = Table(title="Known-bad machines: each must be rejected", title_justify="left", box=None, pad_edge=False)
    for name in ("machine", "verdict", "by"):
        table.add_column(name, no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("consequence")
    for one, result in pairs:
        found = rejecting_result(one, result)
        steps = trace_length(found)
        counted = "never" if found["verdict"] == "MISSING" else "-" if steps is None else str(steps)
        table.add_row(one.name, _verdict(found["verdict"]), one.rejected_by, counted, one.because)
    return table


def _explanation(one: Candidate, result: Mapping[str, Any]) -> Iterator[Text]:
    """The reasons for a result: shortest counterexamples, missing witnesses, limits."""
    wrong = [p for p in result["properties"] if p["verdict"] in ("REFUTED", "MISSING")]
    if one.rejected_by and is_good(one, result):
        wrong = [found for found in wrong if found["id"] == one.rejected_by]
    for found in wrong:
        yield Text.assemble("\n", (f"{one.name}: {found['id']} ", "bold"), _verdict(found["verdict"]))
        yield Text(f"  {found['sentence']}")
        if found["verdict"] == "MISSING":
            yield Text("  no reachable state or step shows it")
            continue
        yield from (Text(f"  {number:3}. {label}") for number, label in enumerate(found["labels"], start=1))
        yield Text(f"  replay: {replay_command(one, result, found['path'])}", style="cyan")
        if found["kind"] == "recoverable":
            yield Text("  the goal cannot be reached from this state")
    if not result["properties"]:
        yield Text(f"\n{one.name} has no properties: nothing was judged. Add some: World(..., properties=(...)).")
    if result["limit_hit"]:
        hit = result["limit_hit"].replace("_", " ")
        yield Text(f"\n{one.name}: stopped by {hit}; raise the limit, or lower a bound with --bound.")
    elif one.rejected_by and not is_good(one, result):
        yield Text(f"\n{one.name} must be rejected by {one.rejected_by}, but is not.", style="red")


def replay_command(one: Candidate, result: Mapping[str, Any], path: str) -> str:
    """Return the command that replays a counterexample."""
    name = f"--from {one.source}" if one.source else one.name
    before, after = one.world.bounds, result["bounds"]
    changed = [(bound, limit) for bound, limit in after.items() if before[bound] != limit]
    flags = "".join(f" --bound {bounds_flag(bound, limit)}" for bound, limit in changed)
    return f"ockam-fsm replay {name} {path}{flags}"


def bounds_flag(name: str, limit: object) -> str:
    return f"{name.removeprefix('order ').removeprefix('fault ')}={limit}"


def _summary(worlds: Sequence[CheckedWorld], bad: Sequence[CheckedWorld]) -> Text:
    parts = []
    if worlds:
        proved = sum(is_good(*pair) for pair in worlds)
        states = sum(result["states"] for _, result in worlds)
        parts.append(f"{proved} of {len(worlds)} worlds proved within their bounds ({states:,} states)")
    if bad:
        parts.append(f"{sum(is_good(*pair) for pair in bad)} of {len(bad)} known-bad machines rejected")
    good = all(is_good(*pair) for pair in (*worlds, *bad))
    return Text("\n" + "; ".join(parts) + ".", style="bold green" if good else "bold red")

"""`ockam-fsm pipelines`: measure the delivery properties of pipes and compare them with the composition rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import track

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, out, print_json
from ockam_fsm.cli.shared.long_runs import Lines, marked, until_interrupted

if TYPE_CHECKING:
    from ockam_fsm.simulation.pipelines import Measured

MOST_RUNS = 1000
LEGEND = (
    "R reliable: every message arrives     U unique: none arrives twice",
    "O in order: none after a later one    G gapless: none is missing before another",
    "at least once R   at most once U   exactly once RU",
    "monotonic O   strict UO   continuous OG   absolute UOG",
    "a[b]: pipe a around b   a ; b: chained   x: a node that dies",
    "Ru/S reliability   Ru/R uniqueness   RxR: product of the reliability of both parts",
)


@command
def pipelines(
    seed: Annotated[int, typer.Option(help="Seed of the first run; each further run adds 1.")] = 0,
    runs: Annotated[int, typer.Option(min=1, max=MOST_RUNS, help="Runs of each delivery.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Measure the delivery through pipes, alone, nested and chained, and compare it with the rules.

    Real nodes send messages over a simulated network that loses, repeats and reorders them. A combination of
    networks and pipes, a delivery, has the properties that held in every run. The rules give its promised properties: a
    chain has the weaker property of its parts; a resend pipe delivers at least once; an index pipe orders (section 17
    of spec/sessions.md).

    A delivery that lacks a promised property refutes the rules: exit code 1. A delivery may have more than the promised
    properties, since these runs may not show every loss or repetition. Ctrl-C: the results so far, exit code 130.

    Examples:

    * `ockam-fsm pipelines`
    * `ockam-fsm pipelines --seed 7 --runs 20`
    * `ockam-fsm pipelines --json`
    """
    from ockam_fsm.simulation.pipelines import deliveries, measured

    total = sum(1 for _ in deliveries())
    rows: list[tuple[str, Measured]] = []
    lines, console = Lines(), err()
    quiet = as_json or not console.is_terminal
    with until_interrupted() as interruption:
        for row in track(measured(seed, runs), "measuring", total, console=console, disable=quiet, transient=True):
            rows.append(row)
            lines.say(lambda: f"{len(rows)} of {total} deliveries measured")
    if as_json:
        facts = [_facts(title, one) for title, one in rows]
        print_json(marked({"seed": seed, "runs": runs, "deliveries": facts}, interruption))
    else:
        for line in _lines(rows):
            out().print(line, soft_wrap=True, markup=False, highlight=False)
    broken = [one for _, one in rows if one.broken]
    for one in broken:
        err().print(f"{one.delivery.name} is not {', not '.join(one.broken)}", soft_wrap=True, markup=False)
    interruption.exit_if(len(rows), total, "deliveries were measured")
    if broken:
        raise typer.Exit(DIFFERS)


def _facts(title: str, one: Measured) -> dict[str, Any]:
    return {
        "group": title,
        "delivery": one.delivery.name,
        "promised": one.delivery.promised._asdict(),
        "measured": one.properties._asdict(),
        "reliability": round(one.reliability, 6),
        "uniqueness": round(one.uniqueness, 6),
        "product": None if one.product is None else [round(rate, 6) for rate in one.product],
        "broken": list(one.broken),
        "more": list(one.more),
    }


def _lines(rows: Iterable[tuple[str, Measured]]) -> Iterator[str]:
    from ockam_fsm.simulation.pipelines import product_rule

    yield from LEGEND
    group = ""
    rows = list(rows)
    for title, one in rows:
        if title != group:
            group = title
            yield ""
            yield f"{title:39} {'has':4} {'promised':8} {'Ru/S':5} {'Ru/R':5} {'RxR':5}"
        yield (
            f"  {one.delivery.name:37} {one.properties!s:4} {one.delivery.promised!s:8} {one.reliability:.3f} "
            f"{one.uniqueness:.3f} {'' if one.product is None else f'{one.product[0]:.3f}':5} {_verdict(one)}"
        )
    yield ""
    yield "Is the reliability of a chain the product? Chains whose second part loses, on average:"
    for repeats, measured, product in product_rule(one for _, one in rows):
        first = "repeats" if repeats else "repeats nothing"
        yield f"  the first part {first:15}  Ru/S {measured:.3f}  RxR {product:.3f}"


def _verdict(one: Measured) -> str:
    return "LACKS" if one.broken else "more" if one.more else "holds"

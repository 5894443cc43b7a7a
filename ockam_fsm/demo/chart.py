"""The sequence chart of a run of the demonstration, from its trace (`news.py`).

Rule 1: nothing is drawn that the trace does not say. TCP connections are left out: there are too many of them.
Left out: seconds. Distances are steps, as in every chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ockam_fsm.demo.news import Changed, Confirmed, Event, Layer, Received, read
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

PROCESSES = ("device", "client", "hub", "service")
RECORDED = Path(__file__).with_name("recorded_run.jsonl")
"""A run of `ockam-fsm demo --count 4 --trace ...`, which is drawn in diagrams/."""


def recorded_chart() -> Chart:
    """The chart of the run that is kept with the package."""
    return run_chart(read(RECORDED.read_text(encoding="ascii").splitlines()))


def run_chart(events: Iterable[Event]) -> Chart:
    """What happened in a run: numbers that went through all layers, failures and what was established again."""
    return Chart(
        "run of the demo",
        "A secure channel over a stream session over TCP, while each part is killed",
        "A device asks a service in numbers, through all layers. The TCP client, the hub and the service are killed in "
        "turn and started again; each layer finds its failures out and renegotiates, and no number is lost",
        PROCESSES,
        tuple(moment for event in events for moment in _moments(event)),
    )


def _moments(event: Event) -> Iterator[Moment]:
    report, who = event.report, event.process
    match report:
        case None:
            yield Moment(MomentKind.ORDER, who, event.text)
        case Received(number, again):
            yield Moment(MomentKind.DUPLICATE if again else MomentKind.MESSAGE, "device", str(number), "service")
        case Confirmed(number):
            yield Moment(MomentKind.MESSAGE, "service", f"{number} is answered", "device")
        case Changed(layer, after="TIMED_OUT") if layer is not Layer.TCP:
            yield Moment(MomentKind.STATE, who, f"{layer.value} failed: {report.cause.partition(':')[0]}")
        case Changed(layer, after="ESTABLISHED") if layer is not Layer.TCP:
            yield Moment(MomentKind.STATE, who, f"{layer.value} established{_generation(report.generation)}")


def _generation(number: int) -> str:
    return f", generation {number}" if number else ""

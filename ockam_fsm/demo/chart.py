"""The sequence chart of a run of the demonstration and the picture of its layers, from its trace (`news.py`).

Rule 1: nothing is drawn that the trace does not say. TCP connections are left out: there are too many of them.
Left out: seconds. Distances are steps, as in every chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ockam_fsm.demo.news import Changed, Confirmed, Event, Layer, Received, read
from ockam_fsm.demo.outcome import Outcome
from ockam_fsm.projections.layers import Layering, LayerRow
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

PROCESSES = ("device", "client", "hub", "service")
SESSIONS = {
    Layer.CHANNEL: (("device", "service"),),
    Layer.CONSUMER: (("device", "hub"), ("hub", "service")),
    Layer.PUBLISHER: (("device", "hub"), ("hub", "service")),
    Layer.TCP: (("device", "client"), ("client", "hub"), ("hub", "service")),
}
"""Between whom the sessions of each layer are."""
RECORDED = Path(__file__).with_name("recorded_run.jsonl")
"""A run of `ockam-fsm demo --count 4 --trace ...`, which is drawn in diagrams/."""


def recorded_chart() -> Chart:
    """The chart of the run that is kept with the package."""
    return run_chart(_recorded())


def recorded_layers() -> Layering:
    """The layers of that run, with what became of each."""
    return run_layers(_recorded())


def _recorded() -> Iterator[Event]:
    return read(RECORDED.read_text(encoding="ascii").splitlines())


def run_layers(events: Iterable[Event]) -> Layering:
    """Who had sessions in which layer, and how often they failed."""
    outcome = Outcome()
    for event in events:
        if event.report is not None:
            outcome.add(event.process, event.report)
    return Layering(
        "layers of the demo",
        "The layers of a secure channel over a stream session over TCP",
        "Who takes part in each layer, how many sessions there were in one run, and how many failures. "
        "A dashed line leads to what a layer relies on",
        PROCESSES,
        tuple(_layer(outcome, layer) for layer in reversed(Layer)),
    )


def _layer(outcome: Outcome, layer: Layer) -> LayerRow:
    ends = {node for session in SESSIONS[layer] for node in session}
    return LayerRow(
        layer.value, SESSIONS[layer], {node: _end(outcome, layer, node) if node in ends else "" for node in PROCESSES}
    )


def _end(outcome: Outcome, layer: Layer, node: str) -> str:
    lines = [one for one in outcome.of(layer) if one.process == node]
    failures = sum(len(line.causes) for line in lines)
    if not lines:
        return "serves them"  # the plain protocol of streams needs no session at the service
    return _counted(len(lines), "session") + (f", {_counted(failures, 'failure')}" if failures else "")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def run_chart(events: Iterable[Event]) -> Chart:
    """What happened in a run: numbers that went through all layers, failures and what was established again."""
    return Chart(
        "run of the demo",
        "A secure channel over a stream session over TCP, while three of four processes are killed",
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

"""The sequence chart of a run of the demonstration and the picture of its layers, from its trace (`read_trace`).

Rule 1: only events of the trace are drawn. TCP connections are left out: there are too many of them.
Left out: seconds. Distances are steps, as in every chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ockam_fsm.demo.outcome import DemoOutcome
from ockam_fsm.demo.process_reports import Changed, Confirmed, PipelineLayer, Received, TimedEvent, read_trace
from ockam_fsm.projections.layers import Layering, LayerRow
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

PROCESSES = ("device", "client", "hub", "service")
SESSIONS = {
    PipelineLayer.CHANNEL: (("device", "service"),),
    PipelineLayer.CONSUMER: (("device", "hub"), ("hub", "service")),
    PipelineLayer.PUBLISHER: (("device", "hub"), ("hub", "service")),
    PipelineLayer.TCP: (("device", "client"), ("client", "hub"), ("hub", "service")),
}
"""The pairs of processes that have sessions in each layer."""
RECORDED = Path(__file__).with_name("recorded_run.jsonl")
"""The trace of a run of `ockam-fsm demo --count 4 --trace ...`, drawn in diagrams/."""


def recorded_chart() -> Chart:
    """Return the chart of the run that is part of the package."""
    return run_chart(_recorded())


def recorded_layers() -> Layering:
    """Return the layers of that run, with their sessions and failures."""
    return run_layers(_recorded())


def _recorded() -> Iterator[TimedEvent]:
    return read_trace(RECORDED.read_text(encoding="ascii").splitlines())


def run_layers(events: Iterable[TimedEvent]) -> Layering:
    """Return the sessions of each process in each layer, and the number of failures."""
    outcome = DemoOutcome()
    for event in events:
        if event.report is not None:
            outcome.add(event.process, event.report)
    return Layering(
        "layers of the demo",
        "The layers of a secure channel over a stream session over TCP",
        "The processes of each layer, with the sessions and failures of one run. "
        "A dashed line leads to the layer below",
        PROCESSES,
        tuple(_layer(outcome, layer) for layer in reversed(PipelineLayer)),
    )


def _layer(outcome: DemoOutcome, layer: PipelineLayer) -> LayerRow:
    ends = {node for session in SESSIONS[layer] for node in session}
    return LayerRow(
        layer.value, SESSIONS[layer], {node: _end(outcome, layer, node) if node in ends else "" for node in PROCESSES}
    )


def _end(outcome: DemoOutcome, layer: PipelineLayer, node: str) -> str:
    lines = [one for one in outcome.of(layer) if one.process == node]
    failures = sum(len(line.causes) for line in lines)
    if not lines:
        return "serves them"  # the plain stream protocol needs no session at the service
    return _counted(len(lines), "session") + (f", {_counted(failures, 'failure')}" if failures else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def run_chart(events: Iterable[TimedEvent]) -> Chart:
    """Return the chart of a run: numbers that passed all layers, failures, and established sessions."""
    return Chart(
        "run of the demo",
        "A secure channel over a stream session over TCP, while three of four processes are killed",
        "A device sends numbers to a service and receives answers through all layers. The TCP client, the hub and the "
        "service are killed in turn and restarted; each layer detects the failure and renegotiates, and no number is "
        "lost",
        PROCESSES,
        tuple(moment for event in events for moment in _moments(event)),
    )


def _moments(event: TimedEvent) -> Iterator[Moment]:
    report, process = event.report, event.process
    match report:
        case None:
            yield Moment(MomentKind.ORDER, process, event.text)
        case Received(number, again):
            yield Moment(MomentKind.DUPLICATE if again else MomentKind.MESSAGE, "device", str(number), "service")
        case Confirmed(number):
            yield Moment(MomentKind.MESSAGE, "service", f"{number} is answered", "device")
        case Changed(layer, after="TIMED_OUT") if layer is not PipelineLayer.TCP:
            yield Moment(MomentKind.STATE, process, f"{layer.value} failed: {report.cause.partition(':')[0]}")
        case Changed(layer, after="ESTABLISHED") if layer is not PipelineLayer.TCP:
            yield Moment(MomentKind.STATE, process, f"{layer.value} established{_generation(report.generation)}")


def _generation(number: int) -> str:
    return f", generation {number}" if number else ""

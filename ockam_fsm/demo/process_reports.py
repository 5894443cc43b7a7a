"""The reports of the processes of the demonstration: values that are sent through a pipe.

Written to a file they are the trace of the run, one JSON object on each line.

Rule 1: a report has only the event and its layer; `run.py` interprets it.
Source: the discussion, "Putting it all together" and "a secure channel may use stream session, ...".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import Enum
from typing import TypeAlias

from ockam_fsm.kernel.value import value


class PipelineLayer(Enum):
    """The layers of the pipeline, the lowest first."""

    TCP = "TCP connection"
    PUBLISHER = "stream publisher"
    CONSUMER = "stream consumer"
    CHANNEL = "secure channel"


@value
class Ready:
    """The process is ready."""


@value
class Changed:
    """A session changed its state. `generation`: 0 without one. `cause`: the reason of a failure, else empty."""

    layer: PipelineLayer
    session: str
    before: str
    after: str
    generation: int
    cause: str


@value
class Sent:
    """The device has sent this number for the first time."""

    number: int


@value
class Confirmed:
    """The service has answered this number, through all layers."""

    number: int


@value
class Received:
    """The service has received this number. `again`: it had processed it before."""

    number: int
    again: bool


@value
class Finished:
    """The device has received an answer to each number, and has closed the channel."""


ProcessReport: TypeAlias = Ready | Changed | Sent | Confirmed | Received | Finished


@value
class TimedEvent:
    """An event, `seconds` after the start: a report of a process, or (None) a text with an action of the run on it."""

    seconds: float
    process: str
    report: ProcessReport | None
    text: str = ""


_KINDS = {kind.__name__: kind for kind in (Ready, Changed, Sent, Confirmed, Received, Finished)}


def trace_line(event: TimedEvent) -> str:
    """Return an event as one line of JSON."""
    facts: dict[str, object] = {"seconds": round(event.seconds, 3), "process": event.process}
    if event.report is None:
        return json.dumps(facts | {"text": event.text})
    values = {field.name: getattr(event.report, field.name) for field in fields(event.report)}
    values |= {"layer": values["layer"].name} if "layer" in values else {}
    return json.dumps(facts | {"report": type(event.report).__name__, **values})


def read_trace(lines: Iterable[str]) -> Iterator[TimedEvent]:
    """Read the events of a file whose lines are those of `trace_line`."""
    for line in lines:
        facts = json.loads(line)
        seconds, process, kind = facts.pop("seconds"), facts.pop("process"), facts.pop("report", "")
        if not kind:
            yield TimedEvent(seconds, process, None, facts["text"])
            continue
        facts |= {"layer": PipelineLayer[facts["layer"]]} if "layer" in facts else {}
        yield TimedEvent(seconds, process, _KINDS[kind](**facts))

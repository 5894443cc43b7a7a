"""What the processes of the demonstration report while they run. Values that travel through a pipe.

Written in a file they are a trace of the run, one JSON object a line.

Rule 1: a report says what happened and to which layer; what it means is for who reads it (`run.py`).
Source: the discussion, "Putting it all together" and "a secure channel may use stream session, ...".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import Enum
from typing import TypeAlias

from ockam_fsm.kernel.value import value


class Layer(Enum):
    """The layers of the pipeline, the lowest first."""

    TCP = "TCP connection"
    PUBLISHER = "stream publisher"
    CONSUMER = "stream consumer"
    CHANNEL = "secure channel"


@value
class Ready:
    """The process serves."""


@value
class Changed:
    """A session went from one state to another. `generation`: 0 where there is none. `cause`: why it failed, if so."""

    layer: Layer
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
    """The service has processed this number, or has found that it had."""

    number: int
    again: bool


@value
class Finished:
    """The device has had an answer to each number, and has closed the channel."""


Report: TypeAlias = Ready | Changed | Sent | Confirmed | Received | Finished


@value
class Event:
    """Something that happened, so many seconds after the beginning: a report of a process, or (None) a text that says
    what the run did to it."""

    seconds: float
    process: str
    report: Report | None
    text: str = ""


_KINDS = {kind.__name__: kind for kind in (Ready, Changed, Sent, Confirmed, Received, Finished)}


def written(event: Event) -> str:
    """An event as one line of JSON."""
    facts: dict[str, object] = {"seconds": round(event.seconds, 3), "process": event.process}
    if event.report is None:
        return json.dumps(facts | {"text": event.text})
    said = {field.name: getattr(event.report, field.name) for field in fields(event.report)}
    said |= {"layer": said["layer"].name} if "layer" in said else {}
    return json.dumps(facts | {"report": type(event.report).__name__, **said})


def read(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a file that `written` has made."""
    for line in lines:
        facts = json.loads(line)
        seconds, process, kind = facts.pop("seconds"), facts.pop("process"), facts.pop("report", "")
        if not kind:
            yield Event(seconds, process, None, facts["text"])
            continue
        facts |= {"layer": Layer[facts["layer"]]} if "layer" in facts else {}
        yield Event(seconds, process, _KINDS[kind](**facts))

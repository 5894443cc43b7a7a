"""Validation of traces with TLC: each trace is a sequence of records in a model of `spec/tla/SessionTrace.tla`.

Theory: the Python validator and this specification share only the trace format and the tables. Each reads addresses,
classifies messages and carries out effects on its own, and their verdicts are compared.

Rule 1: one run of TLC validates any number of traces of one session type with the same limits.
Rule 2: one session of a trace is validated at a time; other records of its nodes only count in their sequences.
Left out: messages that reached another session than their own. A trace with such a message is not validated.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ockam_fsm.kernel.errors import Portable
from ockam_fsm.kernel.files import reading
from ockam_fsm.machines.session import table
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.projections import tla, tla_model
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES
from ockam_fsm.specification.trace_reading import MESSAGE, START, Header, TraceMessage, TraceRecord, read
from ockam_fsm.tools import tlc

UNBOUNDED = "1000000"
_EXPLAINED = re.compile(r'<<"explained", (\d+), (\d+)>>')


@dataclass(frozen=True)
class Judged:
    """The verdict of TLC on one session of a trace. `line`: the first that no behaviour explains; None: accepted."""

    trace: Path
    session: str
    line: int | None


@dataclass(frozen=True)
class TracedSession:
    """One session of a trace, with all records of the trace."""

    trace: Path
    session: str
    header: Header
    records: tuple[TraceRecord, ...]

    @property
    def limits(self) -> tuple[Any, ...]:
        """The session type and limits; parts with equal limits share a model."""
        found = self.header.settings
        kind = found[Role.INITIATOR].session_type.name
        return (kind, *(tuple(dict(found[role].limits).items()) for role in Role))


class Unjudged(Portable, Exception):
    """The trace has an event that the specification does not model."""


def parts_of(trace: Path) -> Iterator[TracedSession]:
    """Yield the sessions of a trace.

    Raises:
        TraceError: a line cannot be read.
        Unjudged: a message reached another session than its own.
    """
    with reading(trace) as file:
        header, records = read(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))
        every = tuple(records)
    if any(record.message is not None and record.message.session for record in every):
        raise Unjudged(f"{trace}: a message reached another session than its own")
    for session in dict.fromkeys(record.session for record in every if record.session):
        yield TracedSession(trace, session, header, every)


def judge(parts: Iterable[TracedSession], root: Path) -> list[Judged]:
    """Validate sessions, one model for all with the same limits. `root`: the folder of the specification's modules.

    Raises:
        TlcError: TLC is not available or gave no verdict.
    """
    groups: dict[tuple[Any, ...], list[TracedSession]] = {}
    for part in parts:
        groups.setdefault(part.limits, []).append(part)
    return [judged for group in groups.values() for judged in _judge(group, root)]


def _judge(group: Sequence[TracedSession], root: Path) -> Iterator[Judged]:
    with tempfile.TemporaryDirectory(prefix="traces-") as folder:
        for name, text in tla_model.texts(_model(group), "traces").items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        found = tlc.run(Path(folder) / "MCTraces.tla", root)
    furthest = [0] * len(group)
    for which, line in _EXPLAINED.findall(found.printed):
        furthest[int(which) - 1] = max(furthest[int(which) - 1], int(line))
    for part, many in zip(group, furthest, strict=True):
        unexplained = part.records[many].line if many < len(part.records) else None
        yield Judged(part.trace, part.session, unexplained)


def _model(group: Sequence[TracedSession]) -> tla_model.TlaModel:
    settings = {role.name.lower(): group[0].header.settings[role] for role in (Role.INITIATOR, Role.RESPONDER)}
    nodes = frozenset(record.node for part in group for record in part.records)
    none = dict.fromkeys(("OPEN", "SEND", "REQUEST", "RENEGOTIATE", "CLOSE", "STOP", "RESTART"), 0)
    return tla_model.TlaModel(
        name="MCTraces",
        about="traces",
        extends="SessionTrace",
        specification="TraceSpec",
        tables={role: table(one.session_type, one.role) for role, one in settings.items()},
        limits={role: one.limits for role, one in settings.items()},
        orders=dict.fromkeys(settings, none),
        constants={"Distinct": "FALSE"} | dict.fromkeys(("Generations", "Spawns", "InFlight"), UNBOUNDED),
        definitions={
            "Traces": "<<\n" + ",\n".join(map(_trace, group)) + ">>",
            "Nodes": tla.literal(nodes),
        },
        wrong=(("Spawned", "NeverSpawned"),),
    )


def _trace(part: TracedSession) -> str:
    off = {
        role.name.lower(): frozenset[str]() if one.durations.idle_seconds is not None else frozenset({"IDLE_EXPIRED"})
        for role, one in part.header.settings.items()
    }
    records = ",\n".join(tla.literal(_record(record, part.session)) for record in part.records)
    return f"[faults |-> {tla.literal(part.header.faults)}, off |-> {tla.literal(off)}, records |-> <<\n{records}>>]"


def _record(record: TraceRecord, session: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"node": record.node, "sequence": record.sequence, "event": _event(record, session)}
    if shown["event"] == "other":
        return shown
    shown |= {"role": record.role.name.lower(), "remembered": record.remembered, "hasState": record.has_state}
    return shown | {
        "message": _message(record.message or TraceMessage("none")),
        "refused": record.refused,
        "state": record.state.name,
        "sent": tuple(map(_message, record.sent)),
        "told": record.told,
        "delivered": record.delivered,
        "showsTimers": record.armed is not None,
        "armed": frozenset(timer.name for timer in record.armed or ()),
    }


def _event(record: TraceRecord, session: str) -> str:
    if record.session != session:
        return "other"
    if record.event is None:
        return START
    return MESSAGE if record.event is Event.STRAY else record.event.name


def _message(message: TraceMessage) -> dict[str, Any]:
    starter = message.starter.name.lower() if message.starter is not None else ""
    return {
        "kind": message.kind,
        "from": message.sender,
        "to": message.receiver,
        "number": message.number,
        "starter": starter,
        "resumed": message.resumed,
    }

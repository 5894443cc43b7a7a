"""The outcome of a run: the sessions of each process, and the numbers that were sent, confirmed and processed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ockam_fsm.demo.process_reports import Changed, Confirmed, Finished, PipelineLayer, ProcessReport, Received, Sent


@dataclass
class SessionLine:
    """The state and history of one session of one process."""

    process: str
    layer: PipelineLayer
    session: str
    state: str = "IDLE"
    generation: int = 0
    established: int = 0
    """How often the session was established: once, and again for each renegotiation."""
    causes: list[str] = field(default_factory=list)
    """The reason of each failure."""


@dataclass
class DemoOutcome:
    """All sessions, the numbers sent, confirmed and processed, the kills, and whether the run finished."""

    sessions: dict[tuple[str, str], SessionLine] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    confirmed: set[int] = field(default_factory=set)
    received: set[int] = field(default_factory=set)
    duplicates: int = 0
    kills: list[str] = field(default_factory=list)
    finished: bool = False

    def of(self, layer: PipelineLayer) -> list[SessionLine]:
        """Return the sessions of a layer."""
        return [line for line in self.sessions.values() if line.layer is layer]

    @property
    def lost(self) -> int:
        """How many numbers were sent but never answered, or answered but never processed."""
        return len(self.sent - self.confirmed) + len(self.confirmed - self.received)

    def add(self, process: str, report: ProcessReport) -> None:
        match report:
            case Changed():
                self._changed(process, report)
            case Sent(number):
                self.sent.add(number)
            case Confirmed(number):
                self.confirmed.add(number)
            case Received(number, again):
                self.received.add(number)
                self.duplicates += again
            case Finished():
                self.finished = True

    def _changed(self, process: str, change: Changed) -> None:
        key = process, change.session
        line = self.sessions.setdefault(key, SessionLine(process, change.layer, change.session))
        line.state, line.generation = change.after, change.generation
        line.established += change.after == "ESTABLISHED"
        if change.after == "TIMED_OUT" and change.cause:
            line.causes.append(change.cause)

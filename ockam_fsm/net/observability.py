"""Observers of a node: structured logs, and counters for Prometheus or OpenTelemetry.

Rule 1: an observer receives every observation and changes nothing; one that raises is removed (commands.py).
Rule 2: labels have few values: machine, states, reasons. Addresses are in logs only, payloads nowhere.

To attach another observer, write a class with `observe(observation)` and give it to `TcpNode(observers=...)`: an
OpenTelemetry meter adds 1 where `Metrics` does, with the same names and labels.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ockam_fsm.kernel.text import neutral
from ockam_fsm.runtime.node.commands import (
    AttemptStarted,
    Letter,
    NotifyOwner,
    Observation,
    StateChanged,
    WorkerFailed,
)
from ockam_fsm.runtime.node.dead_letters import short_repr
from ockam_fsm.runtime.node.ledger import Ledger
from ockam_fsm.runtime.session.commands import Closed, TimedOut, with_detail

Labels: TypeAlias = tuple[tuple[str, str], ...]

HELP: Mapping[str, str] = {
    "ockam_state_changes_total": "State changes, by machine and states.",
    "ockam_workers": "Current number of workers, by machine and state.",
    "ockam_negotiations_total": "Attempts to negotiate.",
    "ockam_retries_total": "Attempts to negotiate that repeat a failed one.",
    "ockam_generation": "Largest generation number seen.",
    "ockam_dead_letters_total": "Messages that will not be delivered, by reason.",
    "ockam_handler_failures_total": "Exceptions raised by handlers.",
    "ockam_held_bytes": "Bytes that the node keeps for peers and the application.",
    "ockam_held_limit_bytes": "Limit of the bytes that the node keeps.",
    "ockam_peers_held_bytes": "Bytes that the node keeps for peers.",
    "ockam_holders": "Number of peers (and the application) for which the node keeps bytes.",
}
_NOW = (
    "ockam_workers", "ockam_generation", "ockam_held_bytes", "ockam_held_limit_bytes", "ockam_peers_held_bytes",
    "ockam_holders",
)  # fmt: skip
_UNBORN, _GONE = "IDLE", ("CLOSED", "STOPPED")


class LogObserver:
    """Logs every observation as one record, with its facts as fields (`extra`)."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.logger = logger or logging.getLogger("ockam_fsm.node")

    def observe(self, observation: Observation) -> None:
        level = logging.WARNING if isinstance(observation, WorkerFailed) else logging.INFO
        if isinstance(observation, Letter):
            level = logging.DEBUG  # a peer that floods the node must not flood its log
        if self.logger.isEnabledFor(level):
            text, facts = described(observation)
            harmless = {name: neutral(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
            cause = observation.error if isinstance(observation, WorkerFailed) else None
            self.logger.log(level, "%s", neutral(text), extra=harmless, exc_info=cause)


def described(observation: Observation) -> tuple[str, dict[str, Any]]:
    """Return the text and the fields of a log record. Both may contain text of a peer."""
    facts: dict[str, Any] = {"kind": type(observation).__name__, "worker": str(observation.worker or "")}
    match observation:
        case StateChanged(worker, machine, before, after, generation):
            facts |= {"machine": machine, "before": before, "after": after, "generation": generation}
            return f"{machine} {worker}: {before} -> {after} (generation {generation})", facts
        case AttemptStarted(worker, generation, attempt):
            facts |= {"generation": generation, "attempt": attempt}
            return f"{worker}: attempt {attempt} of generation {generation}", facts
        case WorkerFailed(worker, error):
            return f"{worker or 'node'}: raised {short_repr(error)}", facts | {"error": short_repr(error)}
        case Letter(reason, _, worker, detail):
            return f"dead letter: {reason}", facts | {"reason": reason, "detail": detail}
        case NotifyOwner(worker, notice):
            reason, detail = (notice.reason, notice.detail) if isinstance(notice, Closed | TimedOut) else ("", "")
            text = f"{worker}: {type(notice).__name__} {with_detail(reason, detail)}"
            return text.rstrip(), facts | {"reason": reason, "detail": detail}


class Metrics:
    """Counters by name and labels; Prometheus scrapes `exposition`."""

    def __init__(self) -> None:
        self.values: dict[str, dict[Labels, int]] = {name: {} for name in HELP}
        self._ledgers: list[Ledger] = []

    def attach(self, ledger: Ledger) -> None:
        """Add the memory account of a node; `TcpNode` does this for its observers."""
        self._ledgers.append(ledger)

    def observe(self, observation: Observation) -> None:
        match observation:
            case StateChanged(_, machine, before, after, generation):
                self._changed(machine, before, after)
                self._at_least("ockam_generation", generation)
            case AttemptStarted(_, generation, attempt):
                self._add("ockam_negotiations_total")
                self._add("ockam_retries_total", 1 if attempt > 1 else 0)
                self._at_least("ockam_generation", generation)
            case WorkerFailed():
                self._add("ockam_handler_failures_total")
            case Letter(reason):
                self._add("ockam_dead_letters_total", reason=reason)

    def exposition(self) -> str:
        """Return the metrics in the text format of Prometheus."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        self._read_accounts()
        for name, values in self.values.items():
            yield f"# HELP {name} {HELP[name]}"
            yield f"# TYPE {name} {'gauge' if name in _NOW else 'counter'}"
            for labels, value in sorted(values.items()):
                written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
                yield f"{name}{{{written}}} {value}" if written else f"{name} {value}"

    def _read_accounts(self) -> None:
        figures = {
            "ockam_held_bytes": [ledger.held_bytes for ledger in self._ledgers],
            "ockam_held_limit_bytes": [ledger.total_bytes for ledger in self._ledgers],
            "ockam_peers_held_bytes": [ledger.outside_bytes for ledger in self._ledgers],
            "ockam_holders": [len(ledger.origins) for ledger in self._ledgers],
        }
        for name, numbers in figures.items():
            self.values[name] = {(): sum(numbers)} if numbers else {}

    def _changed(self, machine: str, before: str, after: str) -> None:
        self._add("ockam_state_changes_total", machine=machine, before=before, after=after)
        if before != _UNBORN:
            self._add("ockam_workers", -1, machine=machine, state=before)
        if after not in _GONE:
            self._add("ockam_workers", 1, machine=machine, state=after)

    def _add(self, name: str, amount: int = 1, **labels: str) -> None:
        values, key = self.values[name], tuple(labels.items())
        values[key] = values.get(key, 0) + amount

    def _at_least(self, name: str, value: int) -> None:
        self.values[name][()] = max(self.values[name].get((), 0), value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""The trace of the sessions in a random run of a publisher and its stream, for `ockam-fsm validate`.

Rule 1: an actor restores its sessions for each event. So the record that a session starts is written with its first
        step, and not for a session that is restored.
Rule 2: a step that turns out to be impossible leaves no record.
Rule 3: the publisher's actor gives every message to its only session. One for the session of an earlier identity has no
        record: in a node it reaches no session.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from ockam_fsm.checking.actors import Event
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.trace_recorder import Facts, RecordedSession, header, line_of, recorded
from tests.stateful.streams import SUBJECT, StreamWalk

FAULTS = ("duplicate", "restart-with-state", "restart-without-state")


class RecordedWalk(StreamWalk):
    """A run of a publisher and its stream whose sessions are recorded; `save` writes the trace."""

    def __init__(self) -> None:
        self.records: list[Facts] = []
        self.starts: dict[int, Facts] = {}
        self.owners: dict[str, str] = {}
        """The session of each address."""
        publishing = replace(SUBJECT.publishing, session=_restorable(self))
        super().__init__("publishing", replace(SUBJECT, publishing=publishing))

    def step(self, name: str, happening: Event) -> bool:
        before = len(self.records)
        is_possible = super().step(name, happening)
        if not is_possible:
            del self.records[before:]
        return is_possible

    def report(self, session: RecordedSession, facts: Facts) -> None:
        own = facts["session"]
        if facts["event"] == "start":
            self.starts[id(session)] = facts
        elif facts["event"] != "message" or self.owners.get(facts["message"].get("to"), own) == own:
            self.owners |= {sent["from"]: own for sent in facts["sent"] if "from" in sent}
            start = self.starts.pop(id(session), None)
            self.records += [facts] if start is None else [start, facts]

    def save(self, path: Path) -> None:
        settings = [SUBJECT.publishing.settings(role) for role in (Role.INITIATOR, Role.RESPONDER)]
        count: Counter[str] = Counter()
        with path.open("wb") as file:
            file.write(line_of(header(settings, FAULTS)))
            for facts in self.records:
                node = facts["role"]
                count[node] += 1
                file.write(line_of({"node": node, "sequence": count[node]} | facts))


def _restorable(walk: RecordedWalk) -> type[Session]:
    class Restorable(recorded(Session, walk.report)):  # type: ignore[misc]
        def restore(self, snapshot: Snapshot) -> None:
            walk.starts.pop(id(self), None)
            super().restore(snapshot)

    return Restorable

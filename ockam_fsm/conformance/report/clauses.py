"""The clauses of `spec/sessions.md` that a report has verdicts about.

Rule 1: a clause has its number for life; title and level are those of its text, as a test checks.
Rule 2: every clause that binds an end is here. Left out: informative clauses, terms (section 1), properties (section 8,
        which follow from other clauses), names of faults (10.1, for testers), section 16, which binds the node around
        an end, pipes and secure channels (sections 17 and 18) and recreated sessions (11.2), for which there are no
        cases, and clauses about streams (section 12) that show only at a storage or an application.
Limit: a level belongs to a whole clause. It is the strongest word in capitals of the clause; a clause without one is
       plain and still required for interoperation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

SPECIFICATION = "spec/sessions.md"


class Level(Enum):
    """How strongly a clause binds (clause 1.1)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Clause:
    id: str
    title: str
    level: Level

    @property
    def link(self) -> str:
        """The link to the clause's text, relative to the root of the repository."""
        heading = f"{self.id} {self.title}".lower()
        return f"{SPECIFICATION}#{re.sub(r'[^a-z0-9_ -]', '', heading).replace(' ', '-')}"


CLAUSES: tuple[Clause, ...] = (
    Clause("2.1", "Three dimensions", Level.MUST),
    Clause("2.2", "Creation", Level.MUST),
    Clause("2.3", "Responders: static and spawned", Level.MUST),
    Clause("2.4", "Valid combinations", Level.MUST),
    Clause("3.1", "States", Level.MUST),
    Clause("3.2", "TIMED_OUT decides failures", Level.MUST),
    Clause("3.3", "Transient sessions", Level.MUST),
    Clause("3.4", "Attempts and the budget", Level.MUST),
    Clause("3.5", "The end of the back-off", Level.PLAIN),
    Clause("3.6", "Waiting for a hello, and retention", Level.MUST),
    Clause("3.7", "Idle", Level.PLAIN),
    Clause("3.8", "Closing and going away", Level.MUST),
    Clause("3.9", "The negotiation timer", Level.MUST),
    Clause("3.10", "Triggers", Level.PLAIN),
    Clause("3.11", "Lower layer, error messages, a restarted peer", Level.SHOULD),
    Clause("4.1", "Numbers", Level.MUST),
    Clause("4.2", "Hellos", Level.PLAIN),
    Clause("4.3", "Answers", Level.PLAIN),
    Clause("4.4", "An answer is not yet a session for the answerer", Level.MUST),
    Clause("4.5", "A route belongs to its generation", Level.MUST),
    Clause("4.6", "Collision", Level.PLAIN),
    Clause("4.7", "Keepalives", Level.MUST),
    Clause("4.9", "Hosts and capacity", Level.MUST),
    Clause("5.1", "Messaging routes", Level.MUST),
    Clause("5.2", "Initialization routes", Level.PLAIN),
    Clause("5.3", "Two-sided sessions", Level.MUST),
    Clause("5.4", "Over which carrier", Level.MUST),
    Clause("6.1", "One request, one outcome", Level.MUST),
    Clause("6.2", "Correlation", Level.PLAIN),
    Clause("6.3", "Timeouts and late responses", Level.PLAIN),
    Clause("6.4", "Negotiation messages", Level.PLAIN),
    Clause("6.5", "Keepalives are missed", Level.SHOULD),
    Clause("6.6", "Pending requests when the session fails", Level.PLAIN),
    Clause("6.7", "Withdrawing a request", Level.MUST),
    Clause("7.1", "Overview", Level.PLAIN),
    Clause("7.2", "Holding", Level.PLAIN),
    Clause("7.3", "Established", Level.PLAIN),
    Clause("7.4", "Order", Level.PLAIN),
    Clause("7.5", "Closing", Level.PLAIN),
    Clause("10.2", "A handler that raises", Level.MUST),
    Clause("11.1", "A session over a session", Level.PLAIN),
    Clause("12.2", "Publishing", Level.MUST),
    Clause("12.3", "Numbers and confirmations", Level.MUST),
    Clause("12.4", "The record is lost", Level.MUST),
    Clause("12.6", "Plain clients", Level.MUST),
    Clause("12.7", "Consuming", Level.MUST),
    Clause("12.8", "The saved index", Level.MUST),
    Clause("12.10", "Streams on the wire", Level.MUST),
    Clause("14.1", "Connections and frames", Level.MUST),
    Clause("14.2", "Profile `ockam`", Level.MUST),
    Clause("14.3", "Profile `generation`", Level.MUST),
    Clause("14.4", "Unreadable messages", Level.SHOULD),
)


def clause_texts(specification: str) -> dict[str, str]:
    """The text of each clause of the specification, without its heading, by number."""
    parts = re.split(r"^#{1,3} (.*)$", specification, flags=re.M)
    return {heading.partition(" ")[0]: text.strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def packaged_texts() -> dict[str, str]:
    """The text of each clause, from the copy of the specification in the installed package or in a clone."""
    for folder in Path(__file__).parents[2:4]:
        if (folder / SPECIFICATION).is_file():
            return clause_texts((folder / SPECIFICATION).read_text(encoding="utf-8"))
    return {}


BY_ID: Mapping[str, Clause] = {clause.id: clause for clause in CLAUSES}

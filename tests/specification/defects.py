"""Seeded defects: one valid trace of a whole session, and one rejected variant for each kind of defect.

    python -m tests.specification.defects        writes spec/traces/accepted/life.jsonl and spec/traces/rejected/*.jsonl

Rule 1: a defect is one change. The sequence numbers are repaired after it, unless they are the defect.
Rule 2: `line` in the header of a rejected trace is the line that a validator must report.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

from ockam_fsm.checking.sessions.session_actors import DerivedEntropy
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import Command, Send, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.runtime.trace_recorder import Recorder, header

FOLDER = Path(__file__).parents[2] / "spec" / "traces"
HERE = "tests/specification/defects.py"
INITIATOR, RESPONDER = Role.INITIATOR, Role.RESPONDER
SETTINGS = {role: SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, role, attempts=2, held=2, misses=1) for role in Role}

Trace: TypeAlias = list[dict[str, Any]]
Defect: TypeAlias = Callable[[Trace], int]
"""A change of a trace in place that returns the index of the first unexplained record."""


class Stage:
    """Two real sessions, and the messages between them, delivered by name."""

    def __init__(self, settings: Mapping[Role, SessionConfig] = SETTINGS) -> None:
        self.settings = settings
        self.records: Trace = []
        self.flying: dict[Role, list[Message]] = {role: [] for role in Role}
        self.ends = {role: self._end(role) for role in Role}

    def _end(self, role: Role) -> Session:
        node = "ba"[role]
        terms = Terms(bytes(16), local(node), local("host") if role is RESPONDER else None)
        entropy = DerivedEntropy(node, None)
        make = Recorder(node, self.records.append).session
        return make(self.settings[role], terms, entropy, (local("host"),) if role is INITIATOR else ())

    def did(self, role: Role, commands: list[Command]) -> None:
        self.flying[Role(1 - role)] += [command.message for command in commands if isinstance(command, Send)]

    def arrives(self, role: Role) -> None:
        self.did(role, self.ends[role].receive(self.flying[role].pop(0)))

    def fires(self, role: Role, timer: Timer) -> None:
        self.did(role, self.ends[role].fire(timer))


def life() -> Trace:
    """Return the trace of a session that is opened, used, renegotiated and closed; the responder is reaped."""
    stage = Stage()
    initiator = stage.ends[INITIATOR]
    stage.did(INITIATOR, initiator.open())
    stage.did(INITIATOR, initiator.send(Outgoing(b"held")))
    for role in (
        RESPONDER,
        INITIATOR,
        RESPONDER,
        RESPONDER,
        INITIATOR,
    ):  # hello, answer, keepalive, data, answer to the keepalive
        stage.arrives(role)
    stage.fires(INITIATOR, Timer.KEEPALIVE)
    stage.arrives(RESPONDER)
    stage.arrives(INITIATOR)
    stage.did(INITIATOR, initiator.request("question", Outgoing(b"?")))
    reply = initiator.requests["question"].reply
    assert reply is not None
    stage.arrives(RESPONDER)
    stage.did(RESPONDER, stage.ends[RESPONDER].send(Outgoing(b"!", (reply,))))
    stage.arrives(INITIATOR)
    stage.did(INITIATOR, initiator.renegotiate())
    stage.fires(INITIATOR, Timer.BACK_OFF)
    for role in (RESPONDER, INITIATOR, RESPONDER, INITIATOR):
        stage.arrives(role)
    stage.did(INITIATOR, initiator.close())
    stage.arrives(RESPONDER)
    stage.fires(RESPONDER, Timer.RETENTION)
    return stage.records


def head(*faults: str) -> dict[str, Any]:
    return {"generated": f"GENERATED from {HERE}; edit that"} | header(SETTINGS.values(), faults)


# Changes of a trace ---------------------------------------------------------------------------------------------------


def find(trace: Trace, node: str, event: str, nth: int = 0) -> int:
    """Return the index of an event, or of the arrival of a kind of message, at a node."""
    found = [
        index
        for index, record in enumerate(trace)
        if record["node"] == node and event in (record["event"], record.get("message", {}).get("kind"))
    ]
    return found[nth]


def changed(node: str, what: str, nth: int = 0, /, **facts: Any) -> Defect:
    """Return the defect that changes fields of one record."""

    def defect(trace: Trace) -> int:
        index = find(trace, node, what, nth)
        trace[index] |= facts
        return index

    return defect


def inserted(node: str, what: str, nth: int = 0, /, *, after: tuple[str, str, int], **facts: Any) -> Defect:
    """Return the defect that inserts a copy of a record at another place."""

    def defect(trace: Trace) -> int:
        index = find(trace, *after) + 1
        trace.insert(index, deepcopy(trace[find(trace, node, what, nth)]) | facts)
        return index

    return defect


def sequence_gap(trace: Trace) -> int:
    index = find(trace, "a", "KEEPALIVE_DUE")
    for record in trace[index:]:
        record["sequence"] += record["node"] == "a"
    return index


def effects_out_of_order(trace: Trace) -> int:
    index = find(trace, "a", "answer")
    trace[index]["sent"].reverse()
    return index


def effect_missing(trace: Trace) -> int:
    index = find(trace, "b", "keepalive", 1)
    trace[index]["sent"] = []
    return index


def effect_twice(trace: Trace) -> int:
    index = find(trace, "b", "keepalive", 1)
    trace[index]["sent"] *= 2
    return index


def held_forgotten(trace: Trace) -> int:
    index = find(trace, "a", "answer")
    trace[index]["sent"].pop()
    return index


def address_reused(trace: Trace) -> int:
    first, second = find(trace, "a", "OPEN"), find(trace, "a", "BACK_OFF_EXPIRED")
    trace[second]["sent"][0]["from"] = trace[first]["sent"][0]["from"]
    return second


def number_not_raised(trace: Trace) -> int:
    index = find(trace, "a", "BACK_OFF_EXPIRED")
    trace[index]["sent"][0]["number"] = 1
    return index


def stale_generation_accepted(trace: Trace) -> int:
    """Accept the answer to the first hello as the answer to the second."""
    index = find(trace, "a", "answer", 1)
    sent = trace[index]["sent"][0]
    stale = trace[find(trace, "a", "answer", 0)]["message"]
    trace[index]["message"] = stale
    sent["to"] = stale["from"]
    return index


def stale_data_delivered(trace: Trace) -> int:
    """Answer a keepalive of the first generation in the second."""
    index = find(trace, "b", "keepalive", 2)
    trace[index]["message"] = trace[find(trace, "b", "keepalive", 0)]["message"]
    return index


def receive_with_no_send(trace: Trace) -> int:
    index = find(trace, "a", "keepalive-answer", 1)
    del trace[find(trace, "b", "keepalive", 1)]
    return index - 1


def error_while_it_is_there(trace: Trace) -> int:
    """Insert an error for a keepalive that is in flight to an address in use."""
    index = find(trace, "a", "KEEPALIVE_DUE") + 1
    came = {"kind": "error", "to": trace[index - 1]["sent"][0]["from"]}
    known = {"event": "message", "message": came, "state": "TIMED_OUT", "sent": [], "told": ["timed out"]}
    trace.insert(index, deepcopy(trace[index - 1]) | known | {"armed": ["BACK_OFF_EXPIRED"]})
    return index


def end_not_started(trace: Trace) -> int:
    del trace[find(trace, "b", "start")]
    return find(trace, "b", "hello")


def budget_overspent(trace: Trace) -> int:
    """Make a third attempt where two are allowed."""
    first = find(trace, "a", "BACK_OFF_EXPIRED")
    hello, known = trace[first], deepcopy(trace[first - 1]) | {"event": "NEGOTIATION_EXPIRED", "sent": []}
    third = deepcopy(hello)
    third["sent"][0] |= {"from": "0123456789ab", "number": 3}
    heard = [find(trace, "a", "response"), *(find(trace, "a", "keepalive-answer", nth) for nth in (1, 0))]
    trace[first + 1 : first + 1] = [known, third]
    for index in heard:  # these messages would have renewed the budget
        del trace[index]
    return first + 2 - len(heard)


SPOILED = {"kind": "unreadable", "to": "0123456789ab"}
EXPIRED: dict[str, Any] = {
    "event": "REQUEST_EXPIRED", "state": "TIMED_OUT", "sent": [], "told": ["timed out"], "armed": ["BACK_OFF_EXPIRED"],
}  # fmt: skip
"""The record of an expired request, although no request is open."""

DEFECTS: dict[str, Defect] = {
    "sequence-gap": sequence_gap,
    "end-not-started": end_not_started,
    "restart-without-the-fault": inserted("a", "start", after=("a", "answer", 0)),
    "remembers-what-it-never-knew": changed("a", "start", remembered=7),
    "receive-with-no-send": receive_with_no_send,
    "message-delivered-twice": inserted("b", "data", after=("b", "data", 0)),
    "message-from-nowhere": changed("a", "keepalive-answer", message={"kind": "error", "to": "0123456789ab"}),
    "error-while-it-is-there": error_while_it_is_there,
    "message-spoiled-without-the-fault": changed("b", "data", message=SPOILED, delivered=0),
    "stale-generation-accepted": stale_generation_accepted,
    "stale-data-delivered": stale_data_delivered,
    "address-reused": address_reused,
    "number-not-raised": number_not_raised,
    "state-changed-with-no-event": changed("b", "data", state="TIMED_OUT"),
    "state-not-changed": changed("a", "RENEGOTIATE", state="ESTABLISHED"),
    "timer-not-armed": inserted("a", "KEEPALIVE_DUE", after=("a", "RENEGOTIATE", 0)),
    "timer-fired-twice": inserted("a", "BACK_OFF_EXPIRED", after=("a", "BACK_OFF_EXPIRED", 0)),
    "request-that-nobody-made": changed("a", "KEEPALIVE_DUE", **EXPIRED),
    "request-expires-after-its-response": inserted("a", "KEEPALIVE_DUE", after=("a", "response", 0), **EXPIRED),
    "effect-missing": effect_missing,
    "effect-twice": effect_twice,
    "effects-out-of-order": effects_out_of_order,
    "held-forgotten": held_forgotten,
    "data-not-delivered": changed("b", "data", delivered=0),
    "owner-not-told": changed("a", "RENEGOTIATE", told=[]),
    "order-refused": changed("a", "RENEGOTIATE", refused=True, state="ESTABLISHED", told=[]),
    "order-not-refused": inserted("a", "OPEN", after=("a", "SEND", 0), sent=[]),
    "misses-uncounted": inserted("a", "KEEPALIVE_DUE", after=("a", "KEEPALIVE_DUE", 0)),
    "budget-overspent": budget_overspent,
    "closed-and-alive": inserted("a", "KEEPALIVE_DUE", after=("a", "CLOSE", 0)),
}


def numbered(trace: Trace) -> None:
    counts: dict[str, int] = {}
    for record in trace:
        counts[record["node"]] = record["sequence"] = counts.get(record["node"], 0) + 1


def rejected(name: str) -> Trace:
    trace = life()
    index = DEFECTS[name](trace)
    if name != "sequence-gap":
        numbered(trace)
    faults = ("duplicate",) if name.startswith("stale") else ()  # it may arrive, but must not be accepted
    return [head(*faults) | {"defect": name, "line": index + 2}, *trace]


def files() -> Iterator[tuple[Path, str]]:
    yield FOLDER / "accepted" / "life.jsonl", text([head(), *life()])
    for name in DEFECTS:
        yield FOLDER / "rejected" / f"{name}.jsonl", text(rejected(name))


def text(trace: Trace) -> str:
    return "".join(json.dumps(record) + "\n" for record in trace)


if __name__ == "__main__":
    for path, content in files():
        path.write_text(content, encoding="utf-8", newline="\n")

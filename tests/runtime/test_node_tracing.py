"""Tracing contexts travel with their messages; handlers that continue as coroutines fail like any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.trace_recorder import Recorder, header
from ockam_fsm.specification.trace_validation import validate
from tests.runtime.node_helpers import HOST, Counted, Inbox, Wires, pair, settings, tcp


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_held_message_keeps_its_tracing_context(profile: Profile) -> None:
    wires, session, _, there = pair(EXPLICIT_PERSISTENT_ONE_SIDED, profile)
    wires["a"].open(session)
    wires["a"].send(session, b"held", tracing_context="00-held")
    wires["a"].request(session, "q", b"asked", tracing_context="00-asked")
    wires.pump()
    assert [(m.payload, m.tracing_context) for m in there.messages] == [(b"held", "00-held"), (b"asked", "00-asked")]


def test_a_late_failure_of_a_handler_affects_its_worker_only() -> None:
    node, contexts = Node(Counted("n")), list[Context]()
    worker = node.start_worker(local("w"), handler=lambda message, context: contexts.append(context))
    node.route(Message((worker,), (), b"1"))
    node.run()
    contexts[0].fail(ValueError("late"))
    assert node.dead_letters.counts == {"handler raised": 1}
    node.route(Message((worker,), (), b"2"))
    node.run()
    assert len(contexts) == 1
    with pytest.raises(EventRefused):
        contexts[0].fail(ValueError("later still"))
    assert node.dead_letters.counts == {"handler raised": 2, "the worker waits for its restart": 1}


@pytest.mark.slow
@budget(derandomize=True, database=None, deadline=None, max_examples=30)
@given(
    st.sampled_from((EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED)),
    st.lists(st.sampled_from(("send", "request", "cut", "fire a", "fire b", "renegotiate", "close")), max_size=10),
)
def test_traces_of_recorded_nodes_are_behaviours_of_the_specification(kind: SessionType, moves: list[str]) -> None:
    """Each node counts its records from 1."""
    both = [settings(kind, role) for role in Role]
    records: list[dict[str, Any]] = [header(both, ("drop",))]
    wires = Wires("a", "b")
    wires.nodes = {
        name: Node(Counted(name), make=Recorder(name, records.append).session) for name in ("a", "b")
    }  # fmt: skip
    a = wires["a"]
    wires["b"].start_host(HOST, both[Role.RESPONDER], handler=Inbox())
    session = a.start_session(both[Role.INITIATOR], (tcp("b"), HOST), handler=Inbox())
    a.open(session)
    wires.pump()
    for count, move in enumerate(moves):
        up = session in a.router.residents and a.session(session).state is State.ESTABLISHED
        if move == "cut":
            wires.cut("a")
        elif move.startswith("fire"):
            wires.fire(move[-1], *(timer for timer in Timer if timer is not Timer.RETENTION))
        elif up and move == "send":
            a.send(session, b"%d" % count)
        elif up and move == "request":
            a.request(session, count, b"%d" % count)
        elif up and (move == "close" or kind.persistent):
            getattr(a, move)(session)
        wires.pump()
    result = validate(json.dumps(record).encode() + b"\n" for record in records)
    assert result.rejection is None, (result.rejection, records[result.records])
    for name in wires.nodes:
        counted = [record["sequence"] for record in records[1:] if record["node"] == name]
        assert counted == list(range(1, len(counted) + 1))
    assert result.steps > 2

"""A tracing context goes where its message goes; and a handler that went on as a coroutine fails like any other."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from tests.runtime.node_helpers import Counted, pair


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_held_message_keeps_its_tracing_context(profile: Profile) -> None:
    wires, session, _, there = pair(EXPLICIT_PERSISTENT_ONE_SIDED, profile)
    wires["a"].open(session)
    wires["a"].send(session, b"held", tracing_context="00-held")
    wires["a"].request(session, "q", b"asked", tracing_context="00-asked")
    wires.pump()
    assert [(m.payload, m.tracing_context) for m in there.messages] == [(b"held", "00-held"), (b"asked", "00-asked")]


def test_a_handler_that_went_on_fails_for_itself_only() -> None:
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

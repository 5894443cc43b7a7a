"""A node with two destinations and two workers: its image is complete, and S10 and S14 detect violations."""

from __future__ import annotations

import pytest

from ockam_fsm.checking.actors import Event, Fire, Order, Outbox
from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.node_actor import FAIL, NODE, TO_X, NodeActor, NodeImage, X, destination
from ockam_fsm.checking.sessions.node_world import neighbours, s10, s14, wrong_nodes
from ockam_fsm.machines.supervised import WorkerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.node.commands import Connect


def stepped(image: NodeImage, event: Event) -> tuple[NodeImage, Step]:
    actor, out = NodeActor(), Outbox(NODE)
    after = actor.handle(image, event, out)
    return after, Step(NODE, image, event, after, frozenset(), frozenset(out.timers), tuple(out.sent),
                       tuple(out.records))  # fmt: skip


def fresh() -> NodeImage:
    return NodeActor().start(Outbox(NODE))


def test_a_node_continues_from_its_image() -> None:
    """A message that waits for a connection is written when that is established, in a node restored in between."""
    image, step = stepped(fresh(), Order(TO_X))
    (connect,) = [record for record in step.records if isinstance(record, Connect)]
    assert connect.destination == destination(X)
    assert [(one.state, len(one.waiting)) for one in image.connections] == [(State.NEGOTIATING, 1)]
    again, _ = stepped(image, Order(TO_X))
    assert again == image, "there is room for one message: the second is a dead letter"


def test_a_worker_that_is_stopped_stays_stopped() -> None:
    image, states = fresh(), []
    for _ in range(3):
        image, step = stepped(image, Order(FAIL))
        states.append(image.failing.state)
        assert s14(step)
        for timer in sorted(image.failing.timers, key=str)[:1]:
            if image.failing.state is WorkerState.RESTARTING:
                (due,) = [armed for armed in step.timers_after if armed.timer == timer]  # type: ignore[attr-defined]
                image, _ = stepped(image, Fire(due))
    assert states == [WorkerState.RESTARTING, WorkerState.STOPPED, WorkerState.STOPPED]


def test_s10_and_s14_detect_effects_that_the_event_does_not_explain() -> None:
    _, step = stepped(fresh(), Order(TO_X))
    uncalled = Step(NODE, step.before, Order(FAIL), step.after, frozenset(), frozenset(), (), step.records)
    assert s10(step)
    assert not s10(uncalled)
    assert not s14(uncalled)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", list(wrong_nodes()), ids=lambda wrong: str(wrong.name))
def test_a_wrong_node_is_rejected_by_its_property_first(wrong: KnownBad) -> None:
    result = explore(wrong.world, backend="stdlib")
    assert result.verdict is Verdict.REFUTED
    assert [found.id for found in result.properties if found.verdict is Verdict.REFUTED] == [wrong.property]
    assert wrong.world.name == wrong.name


def test_the_world_reports_its_bound_of_connections() -> None:
    assert neighbours().bounds["connections"] == NodeActor().most

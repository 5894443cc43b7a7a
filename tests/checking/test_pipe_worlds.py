"""The worlds of pipes, and the reasons for their bounds (spec/sessions.md section 17)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking import Verdict, World, explore, replay
from ockam_fsm.checking.actors import CORRUPT, Deliver, Disabled, Fault, Fire, Outbox
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.pipes.actors import (
    DIES,
    RECEIVER,
    RESEND,
    SEND,
    SENDER,
    PipeSetup,
    ReceiverActor,
    ReceiverEnd,
    SenderActor,
    SenderEnd,
)
from ockam_fsm.checking.pipes.known_bad import wrong_pipes
from ockam_fsm.checking.pipes.worlds import WINDOW, pipe_world, pipe_worlds
from ockam_fsm.machines.pipe_ordering import Ordering


@pytest.mark.slow
@pytest.mark.parametrize("world", pipe_worlds(), ids=lambda world: str(world.name))
def test_each_world_is_proved(world: World) -> None:
    found = explore(world, backend="stdlib")
    assert found.verdict is Verdict.PROVED
    assert {one.id: found[one.id].verdict for one in world.properties} == dict.fromkeys(
        (one.id for one in world.properties), Verdict.HOLDS
    )
    assert found.never_taken == ()


@pytest.mark.parametrize("bad", wrong_pipes(), ids=lambda bad: str(bad.name))
def test_each_wrong_pipe_is_refuted_by_the_property_that_it_breaks(bad: KnownBad) -> None:
    found = explore(bad.world)
    assert found[bad.property].verdict is Verdict.REFUTED
    trace = found[bad.property].trace
    assert trace is not None
    assert len(list(replay(bad.world, trace.indices))) > 0


def test_every_property_of_pipes_is_checked_in_some_world() -> None:
    judged = {one.id for world in pipe_worlds() for one in world.properties}
    assert judged == {"S32", "S33", "S34", "S35", "R7", "W17", "W18"}


def test_the_index_pipe_needs_capacity_for_a_window() -> None:
    """Clause 17.7: otherwise the pipe stalls, because the index pipe has no room for a message that is confirmed."""
    narrow = pipe_world("narrow", PipeSetup(WINDOW, Ordering.ABSOLUTE, capacity=0), messages=2)
    found = explore(narrow)
    assert found["R7"].verdict is Verdict.REFUTED
    assert {found[one].verdict for one in ("S32", "S33", "S34")} == {Verdict.HOLDS}


def test_an_index_pipe_alone_does_not_guarantee_arrival() -> None:
    alone = pipe_world("alone", PipeSetup(ordering=Ordering.ABSOLUTE), messages=2)
    around = pipe_world("around", PipeSetup(WINDOW, Ordering.ABSOLUTE), messages=2)
    arrival = next(one for one in around.properties if one.id == "R7")
    assert explore(replace(alone, properties=(arrival,)))["R7"].verdict is Verdict.REFUTED
    assert explore(around)["R7"].verdict is Verdict.HOLDS


def test_unreadable_messages_change_nothing() -> None:
    config = PipeSetup(WINDOW)
    assert ReceiverActor(config).handle(ReceiverEnd(), Deliver(CORRUPT, SENDER), Outbox(RECEIVER)) == ReceiverEnd()
    assert SenderActor(config).handle(SenderEnd(), Deliver(CORRUPT, RECEIVER), Outbox(SENDER)) == SenderEnd()


def test_impossible_events_are_disabled() -> None:
    config = PipeSetup(ordering=Ordering.STRICT)
    with pytest.raises(Disabled):
        SenderActor(config).handle(SenderEnd(), Fire(RESEND), Outbox(SENDER))
    with pytest.raises(Disabled):
        ReceiverActor(config).handle(ReceiverEnd(dying=True), Fault(DIES), Outbox(RECEIVER))
    assert SEND in pipe_worlds()[0].orders[SENDER]

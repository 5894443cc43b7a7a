"""The abstract session is an over-approximation: a publisher and its stream reach every state that real ones reach.

Left out: the world `patient`, in which no responder of the abstract session ends.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.properties import always
from ockam_fsm.checking.streams.abstract_session import over_abstract_session
from ockam_fsm.checking.streams.names import PUBLISHER, STREAM
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.checking.world import World

WORLDS = {world.name: world for world in stream_worlds()}


def outcomes(world: World) -> set[Any]:
    """Return the accepted messages, the publisher's knowledge of them, and the state of stream and log, for every
    reachable state."""
    seen: set[Any] = set()

    def collect(publisher: Any, stream: Any) -> bool:
        image, log, worker = publisher.image, stream.log, stream.worker
        accepted = (publisher.first, publisher.confirmed, publisher.notified)
        written = tuple(message for _, message in log.under_way)
        known = (worker.state, tuple(sorted(worker.records)), tuple(sorted(log.records)), stream.forgot)
        seen.add((accepted, image, known, written, log.stored))
        return True

    explore(replace(world, properties=(always("S0", "is seen", collect, over=(PUBLISHER, STREAM)),)))
    return seen


LARGE = ("stream:publishing", "stream:resuming", "stream:failing", "stream:forgetful")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["stream:beginning", *(pytest.param(name, marks=pytest.mark.thorough) for name in LARGE)]
)
def test_the_abstract_session_reaches_every_state_of_real_ones(name: str) -> None:
    real, abstract = outcomes(WORLDS[name]), outcomes(over_abstract_session(WORLDS[name]))
    assert real
    assert real <= abstract

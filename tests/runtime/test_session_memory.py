"""An idle session is small, and the objects that idle sessions share stay empty (figures: benchmarks/memory.py)."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.shared_values import NO_REQUESTS, ranked
from tests.helpers import established_pair, settle, tick

BYTES = 300
SESSIONS = 100


def test_a_session_adds_little_to_the_addresses_and_routes_that_it_holds() -> None:
    established_pair()
    pairs = [established_pair() for _ in range(SESSIONS)]
    ends = [end.session for pair in pairs for end in pair]
    images = [(end, end.snapshot()) for end in ends]
    gc.collect()
    tracemalloc.start()
    copies = []
    for end, image in images:
        copy = Session(end.settings, end.terms, end.entropy, end.initialization_route)
        copy.restore(image)
        copies.append(copy)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert all(copy.state is State.ESTABLISHED for copy in copies)
    assert taken / len(copies) < BYTES


def test_an_idle_session_keeps_no_data_of_finished_work() -> None:
    i, r = established_pair()
    i.request("q1")
    settle(i, r)
    r.reply(b"a1")
    settle(i, r)
    i.order(Session.lower_layer_lost)
    i.send(b"held")
    tick(i, seconds=1)
    settle(i, r)
    assert r.delivered == [b"q1", b"held"]
    assert (i.session.waiting, i.session._commands, i.session._follow_up) == ((), None, ())
    assert i.session.requests is r.session.requests is NO_REQUESTS


def test_shared_objects_are_immutable() -> None:
    with pytest.raises(TypeError):
        NO_REQUESTS["q1"] = None  # type: ignore[index]


def test_ranks_are_shared_and_their_cache_is_bounded() -> None:
    assert ranked(1, Role.INITIATOR) is ranked(1, Role.INITIATOR)
    for number in range(3000):
        ranked(number, Role.RESPONDER)
    assert ranked.cache_info().currsize <= 1024

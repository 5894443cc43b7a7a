"""An index worker: the greatest index that was saved for a group of consumers (spec/sessions.md clause 12.8)."""

from __future__ import annotations

import pytest

from ockam_fsm.machines.stream_index import IndexState
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import GetIndex, SaveIndex, StreamIndex
from ockam_fsm.runtime.stream.commands import Ignored, KeepIndex, Reply
from ockam_fsm.runtime.stream.index import IndexWorker

BACK: Route = (local("consumer"),)
STOPPED = Ignored("the index worker has stopped")


def save(index: int, partition: int | None = None) -> SaveIndex:
    return SaveIndex("group", "stream", index, partition)


@pytest.mark.parametrize(("saved", "index"), [(None, 0), (None, 3), (0, 1), (4, 2**64 - 1)])
def test_a_greater_index_is_kept(saved: int | None, index: int) -> None:
    assert IndexWorker().save(save(index), saved) == [KeepIndex("group", "stream", None, index)]


@pytest.mark.parametrize(("saved", "index"), [(0, 0), (4, 4), (4, 3), (2**64 - 1, 0)])
def test_an_index_that_is_not_greater_is_not_kept(saved: int, index: int) -> None:
    assert IndexWorker().save(save(index), saved) == [Ignored("a later index is saved")]


@pytest.mark.parametrize("partition", [None, 0, 7])
def test_the_index_is_kept_and_sent_for_its_partition(partition: int | None) -> None:
    worker = IndexWorker()
    assert worker.save(save(2, partition), None) == [KeepIndex("group", "stream", partition, 2)]
    asked = GetIndex("group", "stream", partition)
    assert worker.get(asked, 2, BACK) == [Reply(BACK, StreamIndex("group", "stream", 2, partition))]


def test_a_group_without_a_saved_index_gets_none() -> None:
    told = IndexWorker().get(GetIndex("group", "stream"), None, BACK)
    assert told == [Reply(BACK, StreamIndex("group", "stream", None))]


def test_a_stopped_worker_keeps_and_sends_nothing() -> None:
    worker = IndexWorker()
    assert worker.stop() == []
    assert worker.state is IndexState.STOPPED
    assert worker.save(save(1), None) == [STOPPED]
    assert worker.save(save(1), 1) == [STOPPED]
    assert worker.get(GetIndex("group", "stream"), 1, BACK) == [STOPPED]
    assert worker.stop() == [STOPPED]


def test_a_worker_continues_from_its_state() -> None:
    assert IndexWorker(IndexState.STOPPED).save(save(1), None) == [STOPPED]

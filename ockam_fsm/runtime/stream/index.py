"""An index worker, without I/O.

Rule 1: an edge reads the saved index and passes it with the request; the worker decides what is saved and sent.
Source: spec/sessions.md clause 12.8; machines/stream_index.py.
"""

from __future__ import annotations

from typing import NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.machines.stream_index import STREAM_INDEX, IndexEvent, IndexState
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.encoding.stream_messages import GetIndex, SaveIndex, StreamIndex
from ockam_fsm.runtime.stream.commands import IndexCommand, KeepIndex, Reply
from ockam_fsm.runtime.stream.core import Core

_DRIVER = driver_for(STREAM_INDEX)


class Getting(NamedTuple):
    """A request for an index, and the saved index."""

    get: GetIndex
    saved: int | None
    reply: Route


class IndexWorker(Core[IndexState, IndexEvent, IndexCommand]):
    """The index worker. Every method that takes an input returns its commands."""

    def __init__(self, state: IndexState = IndexState.SERVING) -> None:
        super().__init__(_DRIVER, state, {})

    def save(self, save: SaveIndex, saved: int | None) -> list[IndexCommand]:
        ahead = saved is None or save.index > saved
        return self._fire(IndexEvent.SAVE_AHEAD if ahead else IndexEvent.SAVE_BEHIND, save)

    def get(self, get: GetIndex, saved: int | None, reply: Route) -> list[IndexCommand]:
        return self._fire(IndexEvent.GET, Getting(get, saved, reply))

    def stop(self) -> list[IndexCommand]:
        return self._fire(IndexEvent.STOP)

    def keep_index(self, save: SaveIndex) -> None:
        self._commands.append(KeepIndex(save.client_id, save.stream_name, save.partition, save.index))

    def tell_index(self, cause: Getting) -> None:
        get, saved, reply = cause
        response = StreamIndex(get.client_id, get.stream_name, saved, get.partition)
        self._commands.append(Reply(reply, response))

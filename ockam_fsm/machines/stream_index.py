"""The index worker: it keeps, for each group of consumers and each stream, the index at which the group continues.

Rule 1: the greatest index is kept. A save has no reply, so a later save may overtake it, also one of the same
        consumer; the saved index never decreases.
Left out: the storage, which an edge reads and writes.
Source: the discussion, "Consumer then uses a saved message index"; spec/sessions.md clause 12.8.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Ignore, Machine, Part, Row
from ockam_fsm.kernel.value import Symbol


class IndexState(Symbol):
    SERVING = "indexes are kept and sent on request"
    STOPPED = "final: no more indexes"


class IndexEvent(Symbol):
    SAVE_AHEAD = "a consumer saves an index that is greater than the saved one"
    SAVE_BEHIND = "a consumer saves an index that is not greater"
    GET = "a consumer requests the saved index"
    STOP = "order: stop"


class IndexEffect(Symbol):
    KEEP_INDEX = "store the index"
    TELL_INDEX = "send the saved index, or that there is none"


IndexMachine: TypeAlias = Machine[IndexState, IndexEvent, IndexEffect]

_S, _E, _F = IndexState, IndexEvent, IndexEffect
_STOPPED = "the index worker has stopped"

STREAM_INDEX: IndexMachine = Machine(
    name="index worker",
    initial=_S.SERVING,
    final=(_S.STOPPED,),
    events=tuple(IndexEvent),
    counters=(),
    parts=(
        Part(
            "keep the greatest index, and send it on request",
            (
                Row("IX1", _S.SERVING, _E.SAVE_AHEAD, _S.SERVING, (_F.KEEP_INDEX,), cites="12.8"),
                Row("IX2", _S.SERVING, _E.GET, _S.SERVING, (_F.TELL_INDEX,), cites="12.8"),
                Row("IX3", _S.SERVING, _E.STOP, _S.STOPPED, cites="12.8"),
                Ignore(_E.SAVE_BEHIND, (_S.SERVING,), because="a later index is saved"),
                *(Ignore(event, (_S.STOPPED,), because=_STOPPED) for event in IndexEvent),
            ),
        ),
    ),
)  # fmt: skip

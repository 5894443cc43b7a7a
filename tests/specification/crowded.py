"""A trace in which one step sends many held messages, and another one many reissued requests."""

from __future__ import annotations

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.trace_recorder import header
from tests.specification.defects import INITIATOR, RESPONDER, Stage, Trace


def crowded(many: int) -> Trace:
    """Return the header and the records. The first answer releases `many` messages, the second `many` requests."""
    settings = {role: SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, role, held=many) for role in Role}
    stage = Stage(settings)
    initiator = stage.ends[INITIATOR]
    stage.did(INITIATOR, initiator.open())
    for _ in range(many):
        stage.did(INITIATOR, initiator.send(Outgoing(b"held")))
    stage.arrives(RESPONDER)
    stage.arrives(INITIATOR)
    for number in range(many):
        stage.did(INITIATOR, initiator.request(number, Outgoing(b"?"), reissue=True))
    stage.arrives(RESPONDER)
    stage.flying[RESPONDER].clear()
    stage.did(INITIATOR, initiator.renegotiate())
    stage.fires(INITIATOR, Timer.BACK_OFF)
    stage.flying[INITIATOR].clear()
    stage.arrives(RESPONDER)
    stage.arrives(INITIATOR)
    return [header(settings.values(), ()), *stage.records]

"""The configuration shared by the actors of a publisher and its stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.stream.publisher import Publisher
from ockam_fsm.runtime.stream.worker import StreamWorker

OF_SILENCE = (Timer.KEEPALIVE, Timer.IDLE, Timer.RETENTION)


@dataclass(frozen=True)
class PublishingConfig:
    """The configuration of both actors. `publisher`, `worker` and `session` make the real ones; known-bad machines
    replace them.

    `patient`: no end gives up a silent peer, so an end that waits for no message never fails.
    """

    window: int = 2
    generations: int = 2
    incarnations: int = 1
    spawns: int = 2
    misses: int = 0
    patient: bool = False
    publisher: Callable[..., Publisher] = Publisher
    worker: Callable[..., StreamWorker] = StreamWorker
    session: Callable[..., Session] = Session
    reissue: bool = True
    resumed_only: bool = True
    same_identity: bool = False
    same_inner: bool = False
    fenced: bool = True
    records_with_log: bool = True

    def settings(self, role: Role) -> SessionConfig:
        unlimited = role is Role.INITIATOR
        return SessionConfig(
            EXPLICIT_PERSISTENT_ONE_SIDED,
            role,
            attempts=None if unlimited else 2,
            held=self.window,
            misses=self.misses,
            requests=self.window,
        )


def session_id(identity: int) -> bytes:
    """Return the session id of a publisher: its identity."""
    return bytes(15) + bytes([identity])


def stripped(image: Snapshot) -> Snapshot:
    """Return the image without the back-off step and the reason: they affect only durations and texts."""
    return image._replace(back_off_step=0, reason="")

"""What a publisher's actor and a stream's have in common in a world."""

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
    """What the two actors have in common. The makers are those of known-bad machines where a check needs one.

    `patient`: nobody is given up for being silent, so that whoever waits for nothing waits for ever.
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
    """The identity of a publisher is the id of its session."""
    return bytes(15) + bytes([identity])


def stripped(image: Snapshot) -> Snapshot:
    """Without what only durations and people ask for."""
    return image._replace(back_off_step=0, reason="")

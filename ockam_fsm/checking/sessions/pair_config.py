"""The configuration that both ends of a world of sessions share: type, profile, limits and options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, SessionMachine
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Profile
from ockam_fsm.runtime.session.session import Session

SESSION_ID = bytes(16)


@dataclass(frozen=True)
class PairConfig:
    """The configuration that both ends of a world of sessions share.

    `distinct` makes every message of the application different; otherwise all are alike, which keeps worlds with any
    number of messages finite. `reissue`: the initiator's requests are reissued after a failure. `refusals`: a refused
    order is a step, in which nothing else happens.
    """

    session_type: SessionType
    profile: Profile = GENERATION
    attempts: int | None = 2
    held: int | None = 1
    misses: int = 1
    generations: int | None = 3
    spawns: int = 2
    capacity: int = 1
    distinct: bool = False
    reissue: bool = False
    refusals: bool = False
    reasons: bool = False
    back_offs: bool = False
    make: Callable[..., Session] = Session
    variants: tuple[tuple[Role, SessionMachine], ...] = ()

    def settings(self, role: Role) -> SessionConfig:
        """The settings of one end. In a profile without session ids every responder is transient (clause 2.4)."""
        return _settings(self, role)

    def session_id(self, incarnation: int) -> bytes:
        """The id of the session. A transient session has another id after each restart."""
        if not self.profile.names_sessions:
            return b""
        return SESSION_ID if self.session_type.persistent else bytes(15) + bytes([incarnation + 1])


@cache
def _settings(config: PairConfig, role: Role) -> SessionConfig:
    """See `PairConfig.settings`. Cached, because a search asks for them in every step."""
    fresh_responders = role is Role.RESPONDER and not config.profile.names_sessions
    return SessionConfig(
        EXPLICIT_TRANSIENT if fresh_responders else config.session_type,
        role,
        config.profile,
        attempts=config.attempts,
        held=0 if fresh_responders else config.held,
        misses=config.misses,
        requests=2,
        variant=dict(config.variants).get(role),
    )

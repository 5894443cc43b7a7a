"""An explicit-state model checker for actors written in Python: closed worlds, explored exhaustively.

    world = World("ping", (Client(), Server()), Network("unordered", in_flight=2, faults=("drop",)), properties=(pong,))
    print(explore(world))

The worlds of sessions, streams, pipes and layers are in the packages below; none is imported here.
"""

from __future__ import annotations

from ockam_fsm.checking.actors import (
    CORRUPT,
    Actor,
    BoundReached,
    Deliver,
    Disabled,
    Envelope,
    Event,
    Fault,
    Fire,
    Order,
    Outbox,
)
from ockam_fsm.checking.engine.backends import BackendUnavailable
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.explore import DEFAULT_STATE_LIMIT, Backend, explore
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.properties import (
    Kind,
    Property,
    Step,
    always,
    always_step,
    never_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.replay import replay, trace
from ockam_fsm.checking.result import Choice, Moment, Progress, PropertyResult, Result, State, Trace, Verdict
from ockam_fsm.checking.world import NETWORK, Budget, Network, Normaliser, World

__all__ = [
    "CORRUPT",
    "DEFAULT_STATE_LIMIT",
    "NETWORK",
    "Actor",
    "Backend",
    "BackendUnavailable",
    "BoundReached",
    "Budget",
    "Choice",
    "CodeRaised",
    "Deliver",
    "Disabled",
    "Envelope",
    "Event",
    "Fault",
    "Fire",
    "Kind",
    "Moment",
    "Network",
    "Normaliser",
    "Order",
    "Outbox",
    "Progress",
    "Property",
    "PropertyResult",
    "Result",
    "State",
    "Step",
    "Trace",
    "Verdict",
    "World",
    "always",
    "always_step",
    "canonical",
    "explore",
    "never_step",
    "recoverable",
    "replay",
    "sometimes",
    "sometimes_step",
    "spoken",
    "trace",
]

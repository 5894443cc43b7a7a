"""All worlds that are checked, and all known-bad machines that must be rejected."""

from __future__ import annotations

from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.layers.known_bad import wrong_layers
from ockam_fsm.checking.layers.worlds import layers_worlds
from ockam_fsm.checking.pipes.known_bad import wrong_pipes
from ockam_fsm.checking.pipes.worlds import pipe_worlds
from ockam_fsm.checking.sessions.known_bad import wrong_channels, wrong_in_nodes, wrong_sessions
from ockam_fsm.checking.sessions.secure_worlds import secure_worlds
from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.checking.world import World


def shipped_worlds() -> tuple[World, ...]:
    return (*all_worlds(), *secure_worlds(), *stream_worlds(), *pipe_worlds(), *layers_worlds())


def shipped_known_bad() -> tuple[KnownBad, ...]:
    sessions = (*wrong_sessions(), *wrong_channels(), *wrong_in_nodes())
    return (*sessions, *wrong_streams(), *wrong_pipes(), *wrong_layers())

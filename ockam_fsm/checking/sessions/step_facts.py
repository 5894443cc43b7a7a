"""Facts of a step of an end: its sessions before and after, the message that arrived, the commands of each session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeAlias, cast

from ockam_fsm.checking.actors import Deliver, Fault
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.session_actors import CONTACT, HOST_ADDRESS, RESTARTS, Packet
from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile, overheard
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.handshake import PROFILES, Place, Profile
from ockam_fsm.runtime.session.host import Owned
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import Signal

SessionKey: TypeAlias = Any
StepPredicate: TypeAlias = Callable[[Step], bool]
Change: TypeAlias = tuple[SessionKey, Snapshot | None, Snapshot | None]


def changes(step: Step) -> Iterator[Change]:
    """Each session of the end: its key, its snapshot before (None: made in this step) and after (None: closed)."""
    before, after = dict(step.before.sessions), dict(step.after.sessions)
    for key in {**before, **after}:
        yield key, before.get(key), after.get(key)


def owned(step: Step) -> tuple[Owned, ...]:
    """Every command of this step, with the key of its session."""
    return cast("tuple[Owned, ...]", step.records)


def emitted(step: Step, key: SessionKey, kind: type[Any]) -> list[Any]:
    return [command for owner, command in owned(step) if owner == key and isinstance(command, kind)]


def arrival(step: Step) -> Packet | None:
    """The packet that this step delivers; None for other events and for corrupted messages."""
    event = step.event
    return event.payload if isinstance(event, Deliver) and isinstance(event.payload, Packet) else None


def signal_of(message: Message, profile: Profile) -> Signal | None:
    """The signal of a message; None if it cannot be decoded."""
    return _signal_of(message, profile.name)


@cache
def _signal_of(message: Message, name: str) -> Signal | None:
    if not message.onward_route:
        return None
    handshake = message.onward_route[-1].value.endswith(b"h")
    static = message.onward_route[-1] in (HOST_ADDRESS, CONTACT)
    place = Place.NEGOTIATION_START if static else Place.HANDSHAKE if handshake else Place.WORKER
    try:
        if name == SymbolicProfile.name:
            return overheard(message.payload)
        return PROFILES[name].decode(message.payload, place, message.return_route)
    except RemoteSessionError:
        return None


def restarted(step: Step) -> bool:
    return isinstance(step.event, Fault) and step.event.fault in RESTARTS

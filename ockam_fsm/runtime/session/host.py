"""The worker at the address of a spawner or a static responder: it finds or makes the responder of a hello.

Rule 1: the spawner table decides; `responders` is its counter, the declared capacity its limit.
Rule 2: a host contains its responders. One that closes is dropped with its data, and the next hello for its session
        creates a fresh one.
Rule 3: each command comes with the key of the responder that emitted it.
Source: spec/sessions.md clauses 2.3 and 4.9.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.arguments import check_callable, check_count, check_type
from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.machines.spawner import SPAWNER, SpawnerEvent, SpawnerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.gate import check_address
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import AnyTimer, Command, DeadLetter, Register, Send, Unregister
from ockam_fsm.runtime.session.handshake import GENERATION, Place, Profile
from ockam_fsm.runtime.session.link import inner_of_reply
from ockam_fsm.runtime.session.session import UNKNOWN_ADDRESS, Session, Snapshot
from ockam_fsm.runtime.session.signals import Close, Error, Hello

Key: TypeAlias = Hashable
"""Identifies a responder within its host: the session id, or in profile `ockam` an ordinal number."""

Owned: TypeAlias = tuple[Key, Command]

FULL = "the host has no room for another responder"

_SHORT = 127
"""The greatest length of a string, in bytes, that is encoded in one byte."""

_DRIVER = driver_for(SPAWNER)


def error_for(hello: Message, reason: str) -> Message:
    """Return the error that rejects a hello (profile `generation`). It is not larger than the hello: with a forged
    return route a larger one would amplify traffic to a third party."""
    room = len(hello.payload) - len(GENERATION.encode(Error("")))
    shortened = reason.encode()[: max(0, min(room, _SHORT))].decode(errors="ignore")
    return Message(hello.return_route, hello.onward_route[:1], GENERATION.encode(Error(shortened)))


class HostSnapshot(NamedTuple):
    state: SpawnerState
    spawned: int
    sessions: tuple[tuple[Key, Snapshot], ...]


class Host:
    """Responders by key, and the addresses that lead to them. `make(key, session_id)` makes the session of a key."""

    def __init__(
        self,
        address: Address,
        profile: Profile,
        make: Callable[[Key, bytes], Session],
        capacity: int = 1000,
        admit: Callable[[Hello], str] = lambda hello: "",
    ) -> None:
        """`admit` returns the reason why a hello is refused before a responder is made; empty if it is admitted.

        Raises:
            LocalSessionError: an argument is of the wrong type.
        """
        self.address = check_address("address", address)
        check_type("profile", profile, Profile)
        check_callable("make", make)
        check_callable("admit", admit)
        check_count("capacity", capacity)
        self.profile = profile
        self.make = make
        self.admit = admit
        self.limits: Mapping[str, int | None] = {"responders": capacity}
        self.state = SpawnerState.LISTENING
        self.responders = 0
        self.spawned = 0
        self.sessions: dict[Key, Session] = {}
        self.owners: dict[Address, Key] = {}
        self.owned: list[Owned] = []
        self.key: Key = None

    def receive(self, message: Message) -> list[Owned]:
        """Handle a message to the host's address or to one of its responders. It never raises."""
        address = message.onward_route[0] if message.onward_route else None
        if address == self.address:
            self._receive_at_contact(message)
        elif (key := self._owner(address)) is not None:
            self._collect(key, self.sessions[key].receive(message))
        else:
            self.owned.append((None, DeadLetter(UNKNOWN_ADDRESS, message)))
        return self._take()

    def fire(self, key: Key, timer: AnyTimer) -> list[Owned]:
        """Fire a timer of one responder; ignored if that responder no longer exists."""
        if key in self.sessions:
            self._collect(key, self.sessions[key].fire(timer))
        return self._take()

    def order(self, key: Key, order: Callable[[Session], list[Command]]) -> list[Owned]:
        """Give one responder an order of the application.

        Raises:
            EventRefused: the session refuses it.
            KeyError: there is no such responder.
        """
        self._collect(key, order(self.sessions[key]))
        return self._take()

    def stop(self) -> list[Owned]:
        """Stop every responder and accept no more. For persistent peers that is a failure (clause 3.8)."""
        _DRIVER.fire(self, SpawnerEvent.STOP)
        return self._take()

    def snapshot(self) -> HostSnapshot:
        sessions = tuple((key, session.snapshot()) for key, session in self.sessions.items())
        return HostSnapshot(self.state, self.spawned, sessions)

    def restore(self, snapshot: HostSnapshot) -> None:
        self.state, self.spawned, sessions = snapshot
        self.sessions, self.owners, self.owned = {}, {}, []
        for key, image in sessions:
            session = self.make(key, key if isinstance(key, bytes) else b"")
            session.restore(image)
            self.sessions[key] = session
            links = [link for link in (session.attempt, session.current) if link is not None]
            self.owners |= {a: key for link in links for a in (link.inner, link.handshake) if a is not None}
        self.responders = len(self.sessions)

    def pass_on(self, message: Message) -> None:
        self._collect(self.key, self.sessions[self.key].receive(message))

    def spawn(self, message: Message) -> None:
        key = self.key
        self.spawned += 1
        self.sessions[key] = self.make(key, key if isinstance(key, bytes) else b"")

    def say_full(self, message: Message) -> None:
        self.owned.append((None, DeadLetter(FULL, message)))
        if self.profile.names_sessions:
            self.owned.append((None, Send(error_for(message, FULL))))

    def forget_responder(self, cause: object) -> None:
        del self.sessions[self.key]

    def stop_responders(self, cause: object) -> None:
        for key, session in tuple(self.sessions.items()):
            self._collect(key, session.stop())
        self.sessions.clear()

    def _receive_at_contact(self, message: Message) -> None:
        try:
            self.key, event = self._key(message)
        except RemoteSessionError as error:
            self.owned.append((None, DeadLetter(error.reason, message)))
            return
        decision = _DRIVER.fire(self, event, message)
        if isinstance(decision, Ignore):
            self.owned.append((None, DeadLetter(decision.because, message)))

    def _key(self, message: Message) -> tuple[Key, SpawnerEvent]:
        """Return the key and the event of a hello or a close. A hello that no responder could answer is refused."""
        signal = self.profile.decode(message.payload, Place.NEGOTIATION_START, message.return_route)
        if isinstance(signal, Close) and signal.session_id in self.sessions:
            return signal.session_id, SpawnerEvent.CLOSE_FOR_KNOWN
        if not isinstance(signal, Hello):
            raise RemoteSessionError("misplaced", f"{type(signal).__name__} at an address for hellos")
        if reason := self.admit(signal):
            raise RemoteSessionError(reason)
        key = signal.session_id or self.spawned
        return key, SpawnerEvent.HELLO_FOR_KNOWN if key in self.sessions else SpawnerEvent.HELLO_FOR_UNKNOWN

    def _owner(self, address: Address | None) -> Key | None:
        if address is None:
            return None
        key = self.owners.get(address)
        return self.owners.get(inner_of_reply(address)) if key is None else key

    def _collect(self, key: Key, commands: list[Command]) -> None:
        for command in commands:
            if type(command) is Register:
                self.owners[command.address] = key
            elif type(command) is Unregister:
                self.owners.pop(command.address, None)
            self.owned.append((key, command))
        session = self.sessions.get(key)
        # A responder that is still idle after its hello has refused it.
        if session is not None and session.state in (State.CLOSED, State.IDLE):
            self.key = key
            _DRIVER.fire(self, SpawnerEvent.RESPONDER_CLOSED)

    def _take(self) -> list[Owned]:
        owned, self.owned = self.owned, []
        return owned

"""Spawners and static responders as residents of a node: a `Host`, and one session worker for each of its responders.

Rule 1: the host decides (find, make, refuse, forget); this module routes messages and registers addresses.
Rule 2: every responder has an outer address of its own, with 128 random bits, that ends with it.
Source: spec/sessions.md clauses 2.3 and 4.9; runtime/session/host.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.ledger import NODE_FULL, RESPONDER_BYTES
from ockam_fsm.runtime.node.residents import Access, Envelope, Inner
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.session_workers import CARRY_OUT, ROUTE_ENDS_HERE, Employ, Order, SessionWorker
from ockam_fsm.runtime.session.commands import DeadLetter, Send
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.host import Host, Key, Owned
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Hello
from ockam_fsm.runtime.session.terms import Terms

APPLICATION_STOPPED = "the application has stopped"

Durable: TypeAlias = Callable[[bytes], tuple[int, bool]]
"""Durable state of a session id: the remembered number (0: none), and whether the session's state is there too."""


def nothing_durable(session_id: bytes) -> tuple[int, bool]:
    return 0, False


class HostWorker(Inner):
    """The resident at a host's address."""

    def __init__(
        self,
        router: Router,
        address: Address,
        settings: SessionConfig,
        application: Address | None,
        capacity: int,
        durable: Durable,
        make: Callable[..., Session],
        employ: Employ | None = None,
    ) -> None:
        """`application`: one worker for the data of all sessions. `employ`: starts one for each session instead."""
        self.router = router
        self.address = address
        self.settings = settings
        self.application = application
        self.durable = durable
        self.make = make
        self.employ = employ
        self.responders: dict[Key, SessionWorker] = {}
        self._drive = self._drive_one  # one bound method for all of them
        self.host = Host(address, settings.profile, self._make, capacity, self._admit)

    def take(self, envelope: Envelope) -> None:
        message = envelope.message
        if envelope.arrived is not None and not self.router.leads_out(message.return_route):
            self.router.bury(ROUTE_ENDS_HERE, message, self.address)
            return
        owned = self.host.receive(message)
        key = self.host.key  # the commands may change it
        self._dispatch(owned, envelope)
        worker = self.responders.get(key)
        if worker is not None:
            worker.settle()
            self._forget_ended({key: worker})

    def fire(self, timer: object) -> None:
        """Do nothing: a host has no timers, its responders have theirs."""

    def stop(self) -> None:
        self._dispatch(self.host.stop(), None)
        self.router.unregister(self.address)

    def _make(self, key: Key, session_id: bytes) -> Session:
        outer = self.router.fresh_address()
        # Profile `ockam` has no session id: every responder is a new one, with nothing to remember.
        number, has_state = self.durable(session_id) if session_id else (0, False)
        terms = Terms(session_id, outer, self.address)
        session = self.make(self.settings, terms, self.router.entropy, remembered=number, has_state=has_state)
        receipt = self.router.ledger.take(self.router.serving, RESPONDER_BYTES)
        worker = SessionWorker(
            self.router, session, self.application, self._drive, unconfirmed=receipt, employ=self.employ
        )
        worker.key = key
        self.responders[key] = worker
        self.router.register(outer, worker, Access.SECRET)
        return session

    def _admit(self, hello: Hello) -> str:
        """Return why a hello is refused before a responder is made for it; empty if it is admitted."""
        origin = self.router.serving
        if self.application is not None and self.application not in self.router.residents:
            return APPLICATION_STOPPED
        if not origin.outside:
            return ""
        if not self.router.ledger.fits(origin, RESPONDER_BYTES):
            return NODE_FULL
        return self.router.refuses(hello.initialization_route)

    def _drive_one(self, worker: SessionWorker, order: Order, envelope: Envelope | None) -> None:
        if worker.key in self.host.sessions:  # its carrier may be lost just after it has ended
            self._dispatch(self.host.order(worker.key, order), envelope)

    def _dispatch(self, owned: Iterable[Owned], envelope: Envelope | None) -> None:
        touched: dict[Key, SessionWorker] = {}
        for key, command in owned:
            if key is not None:
                worker = touched[key] = self.responders[key]
                CARRY_OUT[type(command)](worker, command, envelope)
            elif isinstance(command, Send):
                self.router.refuse_hello(command.message)
            else:
                assert isinstance(command, DeadLetter)
                self.router.bury(command.reason, command.message, self.address)
        self._forget_ended(touched)

    def _forget_ended(self, touched: Mapping[Key, SessionWorker]) -> None:
        for key, worker in touched.items():
            if key not in self.host.sessions and self.responders.pop(key, None) is not None:
                worker.settle()  # else observers would miss its closing
                worker.retire()

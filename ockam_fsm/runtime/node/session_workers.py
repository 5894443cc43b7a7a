"""Session workers as residents of a node: the checks of their messages, and the execution of their commands.

Rule 1: the outer address is for this node (unless it is declared public): a message to it is sent through the session.
        An inner address is for the peer: it takes only messages that arrive over the carrier of the session's route,
        that is the connection or lower session that this route leads over.
Rule 2: until an answer gives the route, the carrier is the one over which the hello left the node. So an answer over
        another connection is refused, whatever its return route.
Rule 3: a handshake message whose return route ends here is refused: its last address is replaced by one of the peer's
        choice, which would then be looked up among the workers of this node.
Rule 4: when a carrier is gone, `lower_layer_lost` is called for each session that relies on it.
Rule 5: a hello that was not answered in time is reported to the connection that it left over (connections.py, rule 3).
Rule 6: while a previous generation is usable, and the answered hello came over another carrier, the loss of one of the
        two is not reported: the session may continue over the other. So a forged hello cannot end a live session. A
        session that falls back to the previous generation checks its carrier then.
Source: spec/sessions.md sections 3.11 and 5, wire clauses; the discussion, "Session routes".
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import AttemptStarted, NotifyOwner, RememberNumber, StateChanged
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.layers import Layer, check_fits, written_bytes
from ockam_fsm.runtime.node.ledger import Receipt, weight_of
from ockam_fsm.runtime.node.residents import Access, Dependent, Envelope, Resident
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.workers import Farewell
from ockam_fsm.runtime.session import commands as core
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session

NOT_OVER_ITS_ROUTE = "not over the session's route"
ROUTE_ENDS_HERE = "handshake whose return route ends here"
NO_APPLICATION = "no application"
NOT_SENT = "not sent"
OUTCOMES = (core.Responded, core.RequestFailed, core.RequestTimedOut)


class Carriers(NamedTuple):
    """The carriers of a session worker, as residents: its state besides that of its session.

    `current`: the one that it relies on. `aside`: that of the previous generation (rule 6). `of_hello`: that of a hello
    which awaits its answer; `heard`: how many messages had arrived over it when the hello left.
    """

    current: Resident | None
    aside: Resident | None
    of_hello: Resident | None
    heard: int


Order: TypeAlias = Callable[[Session], list[core.Command]]
Employ: TypeAlias = Callable[[Callable[[], None]], Address]


class SessionWorker:
    """One end of a session as a resident of the node. `application` is the address of the worker for its data."""

    __slots__ = ("_aside", "_attempt", "_current", "_heard", "_held", "_hello_carrier", "_open", "_reported",
                 "application", "carrier", "dependents", "drive", "employ", "ends_application", "key", "origin",
                 "remake", "router", "session", "unconfirmed")  # fmt: skip
    replies = True

    def __init__(
        self,
        router: Router,
        session: Session,
        application: Address | None,
        drive: Drive | None,
        *,
        ends_application: bool = False,
        unconfirmed: Receipt | None = None,
        employ: Employ | None = None,
    ) -> None:
        """`drive` carries out orders in the place of this worker, for responders of a host. `ends_application`: the
        application's worker was made for this session alone, and stops with it. `unconfirmed`: the charge of a
        responder that no peer has confirmed. `employ` starts a worker for this session; its argument is a function to
        be called when that worker has stopped."""
        self.router = router
        self.origin = router.serving
        """The application, or the peer whose hello created the session. Its timers and messages belong to this origin,
        so all its messages stay in order."""
        self.session = session
        self.application = application
        self.drive = drive or _drive
        self.key: Hashable = None
        """The key of a responder in its host."""
        self.ends_application = ends_application
        self.employ = employ
        self.remake: Callable[[], Session] | None = None
        """Makes a failed session anew; None: this worker ends with the session."""
        self.carrier: Resident | None = None
        self.dependents: dict[Dependent, None] | None = None
        self._attempt: Link | None = None
        self._current: Link | None = None
        self._aside: Resident | None = None
        """The carrier of the previous generation, while a hello over another one waits to be confirmed (rule 6)."""
        self._hello_carrier: Resident | None = None
        self._heard = 0
        """The number of messages that had arrived over that carrier when the hello left."""
        self._reported = session.state
        self._held: dict[int, tuple[Outgoing, Receipt | None]] = {}
        """The charges of held messages, by the identity of the message."""
        self._open: dict[Hashable, Receipt | None] = {}
        """The charges of open requests, which are kept because they may be sent again."""
        self.unconfirmed = unconfirmed
        if unconfirmed is not None:
            router.ledger.may_give_up(unconfirmed, self._give_up)

    @property
    def outer(self) -> Address:
        return self.session.terms.outer

    def carries(self, address: Address) -> bool:
        return address == self.session.terms.outer

    def snapshot(self) -> Carriers:
        """Return the state of this worker. The session's is `session.snapshot()`."""
        attempt = self.session.attempt
        awaits = attempt is not None and not attempt.route
        return Carriers(self.carrier, self._aside, self._hello_carrier if awaits else None, self._heard)

    def restore(self, carriers: Carriers) -> None:
        """Restore the state of this worker, once its session is restored."""
        session = self.session
        self._attempt, self._current, self._reported = session.attempt, session.current, session.state
        self.carrier, self._aside, self._hello_carrier, self._heard = carriers

    # In ---------------------------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        address = envelope.message.onward_route[0]
        terms = self.session.terms
        if address == terms.outer:
            self._send_through(envelope)
        elif reason := self.refusal(envelope, address):
            self.router.bury(reason, envelope.message, terms.outer)
        else:
            self.order(lambda session: session.receive(envelope.message), envelope)

    def fire(self, timer: object) -> None:
        assert isinstance(timer, core.Timer | core.RequestTimer)
        due: core.AnyTimer = timer
        attempt, asked = self.session.attempt, self._hello_carrier
        self.router.on_behalf(self.origin, lambda: self.order(lambda session: session.fire(due)))
        if due is core.Timer.NEGOTIATION and self.session.attempt is not attempt and isinstance(asked, Connection):
            asked.give_up(self._heard)

    def lower_layer_lost(self, detail: str = "") -> None:
        self.carrier = None
        self.router.on_behalf(self.origin, lambda: self.order(lambda session: session.lower_layer_lost(detail)))

    def sent(self, address: Address, carrier: Resident) -> None:
        attempt = self.session.attempt
        if attempt is not None and not attempt.route and address in (attempt.handshake or attempt.inner, attempt.inner):
            self._hello_carrier = carrier
            self._heard = carrier.heard if isinstance(carrier, Connection) else 0
            self._rely_on(carrier)

    def order(self, order: Order, envelope: Envelope | None = None) -> None:
        """Give the session an input, and carry out its commands.

        Raises:
            LocalSessionError: the session refuses it; nothing has changed.
        """
        self.drive(self, order, envelope)
        self.settle()

    def settle(self) -> None:
        """Update charges and carrier after an input, and report a change of state to observers."""
        session, before = self.session, self._reported
        waiting = session.waiting
        if len(waiting) != len(self._held) or (waiting and id(waiting[-1][0]) not in self._held):
            self._charge_held()
        if session.attempt is not self._attempt or session.current is not self._current:
            self._links_changed()
        if session.state is before:
            return
        self._reported = session.state
        if self.unconfirmed is not None and session.established_in is not None:  # it may have failed at once
            self._confirmed()
        if self.router.observers:
            number, machine = session.seen[0], session.settings.machine.name
            self.router.observe(StateChanged(self.outer, machine, before.name, session.state.name, number))

    def request(self, identifier: Hashable, outgoing: Outgoing, *, reissue: bool, resumed_only: bool = False) -> None:
        """Open a request. Raises the errors of `order`."""

        def accept(session: Session) -> list[core.Command]:
            commands = session.request(identifier, outgoing, reissue=reissue, resumed_only=resumed_only)
            # Now, since the request may have its outcome while its commands are carried out.
            self._open[identifier] = self.router.ledger.take(self.router.serving, weight_of(outgoing))
            return commands

        self.order(accept)

    def withdraw_request(self, identifier: Hashable) -> None:
        """Take an open request back; nothing happens if it has had its outcome."""
        self.order(lambda one: one.withdraw_request(identifier))
        self._release(self._open.pop(identifier, None))

    def withdraw(self, reply: Address) -> None:
        """Take back the held messages whose reply address is `reply`."""
        for outgoing, _ in tuple(self.session.waiting):
            if outgoing.return_route[-1:] == (reply,):
                self.order(lambda one, outgoing=outgoing: one.withdraw(outgoing))  # type: ignore[misc]

    def check_room(self, outgoing: Outgoing, *, answered: bool = False) -> None:
        """Raise LocalSessionError if the node has no memory for this message, or layers make it too large."""
        router, weight, route = self.router, weight_of(outgoing), (self.outer, *outgoing.onward_route)
        check_fits(router.residents, outgoing, route, router.max_payload_bytes, answered=answered)
        router.ledger.require(router.serving, 2 * weight if answered else weight)  # an open request keeps a copy

    def _charge_held(self) -> None:
        """Charge newly held messages to the origin being served, and release those that are not held any more."""
        waiting, held = self.session.waiting, self._held
        if waiting and len(waiting) == len(held) + 1 and id(waiting[-1][0]) not in held:
            last, _ = waiting[-1]  # the usual case, in constant time
            held[id(last)] = self._charge(last)
            return
        self._held = {}
        for outgoing, _ in waiting:
            self._held[id(outgoing)] = held.pop(id(outgoing)) if id(outgoing) in held else self._charge(outgoing)
        for _, receipt in held.values():
            self._release(receipt)

    def _charge(self, outgoing: Outgoing) -> tuple[Outgoing, Receipt | None]:
        return outgoing, self.router.ledger.take(self.router.serving, weight_of(outgoing))

    def _let_go(self, message: object) -> None:
        """Release the charge of a message, if it was held."""
        _, receipt = self._held.pop(id(message), (None, None))
        self._release(receipt)

    def _release(self, receipt: Receipt | None) -> None:
        if receipt is not None:
            self.router.ledger.give_back(receipt)

    def _confirmed(self) -> None:
        """Release the charge of a responder: a confirmed session is not charged to its peer."""
        if self.unconfirmed is not None:
            self._release(self.unconfirmed)
            self.unconfirmed = None

    def _give_up(self, receipt: Receipt) -> None:
        """End an unconfirmed responder whose origin holds the most of a full node.

        The charge ends now, the session after the delivery that is being carried out.
        """
        self._confirmed()
        self._stop_afterwards()

    def refusal(self, envelope: Envelope, address: Address) -> str:
        """Return why this message must not reach the session (rules 1 to 3); empty if it may."""
        session, arrived = self.session, envelope.arrived
        if address == session.terms.contact:
            return self._ends_here(envelope)
        link = session.link_of(address)
        if link is None:
            return ""  # the session classifies it
        carrier = self.router.carrier(link.route) if link.route else self._hello_carrier
        if arrived is not carrier and not session.authenticates(link):
            return NOT_OVER_ITS_ROUTE
        return "" if link.route else self._ends_here(envelope)

    def _ends_here(self, envelope: Envelope) -> str:
        beyond = envelope.arrived is None or self.router.leads_out(envelope.message.return_route)
        return "" if beyond else ROUTE_ENDS_HERE

    def _send_through(self, envelope: Envelope) -> None:
        message, session = envelope.message, self.session
        self.router.leaves(message, self)
        outgoing = Outgoing(
            message.payload, message.onward_route[1:], message.return_route, tracing_context=message.tracing_context
        )
        try:
            self.check_room(outgoing)
            self.order(lambda session: session.send(outgoing), envelope)
        except EventRefused as refusal:
            self.router.bury(refusal.because, message, session.terms.outer)
        except LocalSessionError as error:
            self.router.bury(NOT_SENT, message, session.terms.outer, str(error))

    # Out --------------------------------------------------------------------------------------------------------------

    def _route(self, send: core.Send, envelope: Envelope | None) -> None:
        """Route a message of the session. On a route that came from a peer it counts as from outside: it reaches no
        private worker, and the forwarding policy applies."""
        session, message = self.session, send.message
        foreign = self.origin.outside and message.onward_route == session.initialization_route
        self.router.route(Envelope(message, self if foreign else None), self.origin)

    def _set_timer(self, command: SetTimer[core.AnyTimer], envelope: Envelope | None) -> None:
        self.router.set_timer(self.session.terms.outer, command.timer, command.after_seconds)

    def _cancel_timer(self, command: CancelTimer[core.AnyTimer], envelope: Envelope | None) -> None:
        self.router.cancel_timer(self.session.terms.outer, command.timer)

    def _register(self, command: core.Register, envelope: Envelope | None) -> None:
        self.router.register(command.address, self, Access.SECRET)

    def _unregister(self, command: core.Unregister, envelope: Envelope | None) -> None:
        names_sessions = self.session.settings.profile.names_sessions
        (self.router.vanish if names_sessions else self.router.unregister)(command.address)

    def _remember(self, command: core.Remember, envelope: Envelope | None) -> None:
        if session_id := self.session.terms.session_id:
            self.router.emit(RememberNumber(self.outer, session_id, command.number))

    def _bury(self, letter: core.DeadLetter, envelope: Envelope | None) -> None:
        self._let_go(letter.message)
        self.router.bury(letter.reason, letter.message, self.outer)

    def retire(self) -> None:
        """Unregister the lasting addresses of a closed session, and report the loss to its dependents."""
        terms = self.session.terms
        self._confirmed()
        self._rely_on(None)
        self.router.unregister(terms.outer)
        if terms.contact is not None and self.router.residents.get(terms.contact) is self:
            self.router.unregister(terms.contact)
        if self.ends_application and self.application in self.router.residents:
            assert self.application is not None
            self.router.route(Envelope(Farewell((self.application,), (), b"")))
            self.ends_application = False
        self.router.lose(self.dependents or {}, f"the session below is closed: {self.session.reason}")

    def _begin_again(self) -> None:
        """Make a failed session anew, to be created by the next message; its dependents lose their lower layer."""
        assert self.remake is not None
        failed, self.session = self.session, self.remake()
        self._reported, self._attempt, self._current = self.session.state, None, None
        self._rely_on(None)
        self.router.lose(self.dependents or {}, f"the session below has failed: {failed.reason}")

    def _notify(self, command: core.Notify, envelope: Envelope | None) -> None:
        notify = NotifyOwner(self.outer, command.notice)
        if self._open and isinstance(command.notice, OUTCOMES):
            self._release(self._open.pop(command.notice.request, None))
        self.router.emit(notify)
        self.router.observe(notify)
        if isinstance(notify.notice, core.Closed):
            if self.remake is None or self.session.ended_by_order:
                self.retire()
            else:
                self.router.afterwards.append(self._begin_again)

    def _deliver(self, deliver: core.Deliver, envelope: Envelope | None) -> None:
        """Deliver data to the application, or forward it along the peer's route. Either way it is from outside.

        Where the profile carries routes, a reply goes back through this session, which has brought the message.
        Otherwise the session adds nothing: the return route is the message's own.
        """
        assert envelope is not None
        session = self.session
        traced = session.settings.profile.carries_routes
        arrived = self if traced else envelope.arrived
        alias = session.terms.outer if traced else envelope.message.onward_route[0]
        tracing_context = envelope.message.tracing_context
        if deliver.onward_route:
            message = Message(deliver.onward_route, deliver.return_route, deliver.payload, tracing_context)
            self.router.route(Envelope(message, arrived, peer=session.peer))
        elif (application := self._application(envelope.message)) is not None:
            message = Message((application,), deliver.return_route, deliver.payload, tracing_context)
            self.router.route(Envelope(message, arrived, alias, invited=True, peer=session.peer))

    def _application(self, lost: Message) -> Address | None:
        """Return the worker for the session's data; one of its own is made when it is first needed.

        None: there is none, and `lost` is a dead letter. A failure to make one stops this session only.
        """
        if self.application is None and self.employ is None:
            self.router.bury(NO_APPLICATION, lost, self.outer)
        elif self.application is None:
            assert self.employ is not None
            try:
                self.application, self.ends_application = self.employ(self._application_stopped), True
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self.router.failed(NO_APPLICATION, lost, self.outer, error)
                self._stop_afterwards()
        return self.application

    def _stop_afterwards(self) -> None:
        """Stop the session after the delivery that is being carried out; its peer may negotiate again."""
        self.router.afterwards.append(self._stop)

    def _application_stopped(self) -> None:
        """Stop the session, since its worker has stopped; the peer receives a going-away."""
        if self.ends_application:
            self.ends_application = False
            self._stop()

    def _stop(self) -> None:
        self.router.on_behalf(self.origin, lambda: self.order(lambda one: one.stop()))

    # Carriers ---------------------------------------------------------------------------------------------------------

    def _links_changed(self) -> None:
        session, attempt = self.session, self.session.attempt
        if attempt is not None and attempt is not self._attempt:
            self._hello_carrier = None
            if session.is_own(attempt):
                self.router.observe(AttemptStarted(self.outer, attempt.generation.number, session.back_off_step + 1))
        known, self._attempt, self._current = self._current, attempt, session.current
        link = attempt or session.current
        if attempt is not None and attempt.route and session.current is not None:
            self._rely_while_answering(session.current, attempt)
        elif link is None or link.route:
            self._rely_on_link(link, known)

    def _rely_while_answering(self, previous: Link, attempt: Link) -> None:
        """Rely on a carrier only if it carries both generations, while the new one waits to be confirmed (rule 6)."""
        before, now = self._aside or self.router.carrier(previous.route), self.router.carrier(attempt.route)
        self._rely_on(now if now is before else None)
        self._aside = before

    def _rely_on_link(self, link: Link | None, known: Link | None) -> None:
        """Rely on the carrier of `link`. A session that falls back to its previous generation is now informed if the
        carrier was lost in the meantime."""
        self._rely_on(self.router.carrier(link.route) if link is not None else None)
        aside, self._aside = self._aside, None
        back = link is not None and known is not None and link.generation == known.generation
        if back and aside is not None and self.carrier is not aside:
            self.router.afterwards.append(lambda: self.lower_layer_lost("it was lost while a hello was answered"))

    def _rely_on(self, carrier: Resident | None) -> None:
        if carrier is self.carrier:
            return
        if self.carrier is not None:
            self.carrier.dropped_by(self)
        self.carrier = carrier
        if carrier is not None:
            carrier.relied_on_by(self)

    def layer(self, onward_route: Route, return_route: Route) -> Layer:
        route = self.session.peer_route
        if self.session.settings.profile.carries_routes:
            return Layer(route, (self.outer,), written_bytes(onward_route, return_route))
        return Layer((*route, *onward_route), return_route, 0)

    def relied_on_by(self, dependent: Dependent) -> None:
        self.dependents = self.dependents or {}
        self.dependents[dependent] = None

    def dropped_by(self, dependent: Dependent) -> None:
        (self.dependents or {}).pop(dependent, None)


Drive: TypeAlias = Callable[[SessionWorker, Order, Envelope | None], None]


CARRY_OUT: Mapping[type, Callable[[SessionWorker, Any, Envelope | None], None]] = {
    core.Send: SessionWorker._route,
    SetTimer: SessionWorker._set_timer,
    CancelTimer: SessionWorker._cancel_timer,
    core.Deliver: SessionWorker._deliver,
    core.Register: SessionWorker._register,
    core.Unregister: SessionWorker._unregister,
    core.Remember: SessionWorker._remember,
    core.DeadLetter: SessionWorker._bury,
    core.Notify: SessionWorker._notify,
}


def _drive(worker: SessionWorker, order: Order, envelope: Envelope | None) -> None:
    for command in order(worker.session):
        CARRY_OUT[type(command)](worker, command, envelope)

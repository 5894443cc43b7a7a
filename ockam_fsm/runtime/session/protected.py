"""One end with the protections of its generations (`protection.py`): writing, reading, and following the peer's route.

Rule 1: each generation has a protection of its own, or none. Writing and reading change that one only.
Rule 2: a message that is read in an established generation is authentic, whichever route it took; the route to the
        peer follows its return route.
Source: spec/sessions.md clauses 18.1 and 18.4.
"""

from __future__ import annotations

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import Message, Route
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.knowledge import SessionData
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.signals import Signal


class ProtectedSession(SessionData):
    """One end that protects its messages, where its profile does."""

    __slots__ = ()

    @property
    def peer(self) -> str | None:
        """The authenticated identifier of the peer in the established generation, or None."""
        return None if self.current_protection is None else self.current_protection.peer

    def authenticates(self, link: Link) -> bool:
        """Whether messages of this generation are authenticated, whichever route they took."""
        return link is self.current and self.current_protection is not None

    def written(self, link: Link | None, signal: Signal, back: Route) -> tuple[bytes, Route] | None:
        """Return the payload of `signal` and its return route; None: it cannot be sent.

        `link`: the generation in which it is sent; None: in none. `back`: the return route unless it is hidden.
        """
        profile, protection = self.settings.profile, None if link is None else self.protection(link)
        if not (protection or profile).can_send(signal):
            return None
        if link is None or protection is None:
            return profile.encode(signal), back
        payload, after = protection.write(signal)
        self._protect(link, after)
        return payload, () if protection.complete else back

    def read(self, message: Message, place: Place, link: Link | None) -> Signal:
        """Return the signal of a message.

        Raises:
            RemoteSessionError: it cannot be read, or it is not authentic where it has to be. Nothing has changed but
                `refusal`, which becomes the detail of a failed negotiation.
        """
        protection = None if link is None else self.protection(link)
        if link is None or protection is None:
            return self.settings.profile.decode(message.payload, place, message.return_route)
        try:
            signal, newest, after = protection.read(message.payload, message.return_route)
        except RemoteSessionError as error:
            if link is self.attempt:
                self.refusal = str(error)
            raise
        self._protect(link, after)
        if newest and link is self.current and not self.is_own(link):
            self._follow(link, message.return_route)
        return signal

    def protection(self, link: Link) -> Protection | None:
        """Return the protection of a generation, or None. With one, the outer addresses of a message are only hints:
        any node on the way could change them."""
        return self.attempt_protection if link is self.attempt else self.current_protection

    def _protect(self, link: Link, after: Protection) -> None:
        if link is self.attempt:
            self.attempt_protection = after
        else:
            self.current_protection = after

    def _follow(self, link: Link, return_route: Route) -> None:
        if return_route and return_route != link.route[:-1] and len(return_route) < MAX_ROUTE_LENGTH:
            self.current = link._replace(route=(*return_route, link.route[-1]))

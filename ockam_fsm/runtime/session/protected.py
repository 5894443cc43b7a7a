"""What one end does with the protections of its generations (`protection.py`): it writes, reads and follows with them.

Rule 1: each generation has a protection of its own, or none. What is written and read moves that one only.
Rule 2: what was read in an established generation is the peer's, whichever way it came; the way back follows it.
Source: spec/sessions.md clauses 18.1 and 18.4.
"""

from __future__ import annotations

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import Message, Route
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.knowledge import Knowledge
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.signals import Signal


class Protected(Knowledge):
    """One end that protects what it says, where its profile does."""

    __slots__ = ()

    @property
    def peer(self) -> str | None:
        """Who the peer of the established generation is; None where nothing proves that."""
        return None if self.current_protection is None else self.current_protection.peer

    def authenticates(self, link: Link) -> bool:
        """What arrives in this generation proves itself, whichever way it came."""
        return link is self.current and self.current_protection is not None

    def written(self, link: Link | None, signal: Signal, back: Route) -> tuple[bytes, Route] | None:
        """The payload that says `signal`, and the return route that it is sent with; None: it cannot be said.

        `link`: the generation in which it is said; None: in none. `back`: the return route if nothing hides it.
        """
        profile, protection = self.settings.profile, None if link is None else self.protection(link)
        if not (protection or profile).speaks(signal):
            return None
        if link is None or protection is None:
            return profile.encode(signal), back
        payload, after = protection.write(signal)
        self._protect(link, after)
        return payload, () if protection.complete else back

    def read(self, message: Message, place: Place, link: Link | None) -> Signal:
        """What a message says.

        Raises:
            RemoteSessionError: it cannot be read, or where it has to be it is not authentic. Nothing has changed but
                `refusal`, which the failure of a negotiation tells.
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
        """What protects the messages of a generation. Then its addresses on the outside say nothing but where it is:
        whoever is on the way could change them."""
        return self.attempt_protection if link is self.attempt else self.current_protection

    def _protect(self, link: Link, after: Protection) -> None:
        if link is self.attempt:
            self.attempt_protection = after
        else:
            self.current_protection = after

    def _follow(self, link: Link, return_route: Route) -> None:
        if return_route and return_route != link.route[:-1] and len(return_route) < MAX_ROUTE_LENGTH:
            self.current = link._replace(route=(*return_route, link.route[-1]))

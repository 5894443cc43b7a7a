"""The rest of the node: connections, sessions and the echo worker that no case touches, and that must not notice any.

Rule 1: it is asked before a case as well, and made anew where it does not live. So what it says afterwards is the
        case's doing. A session that was left alone for so long that the node may have given it up is not asked.
Rule 2: there are several, since a node may lose some of its workers and not others.
Source: clause 14.4 (S14).
"""

from __future__ import annotations

from dataclasses import dataclass

from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, Outcome, OutOfTime, Run, Undecided, Wire
from ockam_fsm.conformance.wire.client_session import ClientSession, hello, session
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import now, together

CONNECTIONS, SESSIONS = 2, 2
"""So many connections, and so many sessions over each."""
HELD_UP = "another connection that had no part in it stands still"


@dataclass(frozen=True)
class Witness:
    """A connection that no case touches, with its sessions."""

    wire: Wire
    talks: tuple[ClientSession, ...]

    async def missing(self, sessions: bool) -> str:
        """What does not answer any more; empty: everything does. `sessions`: whether these have to."""
        try:
            asks_echo = self.wire.lab.target.echo or not self.talks
            if asks_echo and not await self._echoes() and not self.wire.peer.ended:
                return f"{HELD_UP}: {self.wire.missing('reply')}"
            if self.wire.peer.ended:
                return self.wire.missing("other connection that had no part in it")
            for talk in self.talks if sessions else ():
                if not await talk.ask():
                    return "a session that had no part in it is dead"
        except Deviation as error:
            return error.reason
        except Undecided:
            return ""  # late, or out of time: which says nothing of the node
        return ""

    async def _echoes(self) -> bool:
        """With twice the patience, as everything that has to come."""
        return await self.wire.echoes() or (not self.wire.peer.ended and await self.wire.echoes())


class Bystander:
    """`with_session` False: only the connections and the echo worker are asked (the node's sessions cannot be had)."""

    def __init__(self, run: Run, *, with_session: bool) -> None:
        self.lab = CaseContext(run)
        self.with_session = with_session
        self.witnesses: list[Witness] = []
        self.heard = 0.0
        self.held_up = False
        """What was missing the last time is answers on connections that stand."""
        self.starved = self.full = False
        """The last time that it could not be made only the sessions were missing; the node said that there is no room,
        which is its right."""

    async def ready(self) -> str:
        """Make sure that it lives. The result says why it cannot, if so.

        Raises:
            OutOfTime: which says nothing of the node.
        """
        if self.witnesses and self._is_believed and not await self.missing():
            return ""
        self.close()
        self.starved = self.full = False
        try:
            self.witnesses = [await self._witness() for _ in range(CONNECTIONS)]
        except OutOfTime:
            raise
        except Outcome as error:
            self.close()
            return error.reason
        self.heard = now()
        return ""

    async def harmed(self) -> str:
        """What has become of it since `ready`; empty: nothing."""
        return await self.missing(sessions=self._is_believed)

    @property
    def believed_seconds(self) -> float:
        """For how long its sessions may be left alone before the node has a right to give them up."""
        target = self.lab.target
        waits = [target.durations.idle_seconds or 30.0]
        if target.session_type.renegotiation is Renegotiation.TWO_SIDED:
            waits.append(target.durations.keepalive_seconds)
        return min(waits) / 2

    @property
    def _is_believed(self) -> bool:
        return now() - self.heard <= self.believed_seconds

    async def missing(self, *, sessions: bool = True) -> str:
        """What does not answer now; empty: everything does. `sessions`: whether these have to."""
        problems = [one for one in await together(one.missing(sessions) for one in self.witnesses) if one]
        if sessions and not problems:
            self.heard = now()
        self.held_up = bool(problems) and all(one.startswith(HELD_UP) for one in problems)
        return next(iter(problems), "")

    async def newcomer(self) -> str:
        """Why somebody who comes now, over a connection of its own, gets no session; empty: it does, or there is no
        room (which is the node's right). It leaves nothing behind."""
        if not self.with_session:
            return ""
        lab = CaseContext(self.lab.run)
        try:
            attempt = hello(await lab.wire("newcomer"))
            attempt.send()
            message = await attempt.answered()
            self.starved = message is None
            if message is not None and self.lab.target.generations and not attempt.is_refused_by(message):
                talk = attempt.completed(message)
                talk.say(talk.close(), "close")
        except OutOfTime:
            raise
        except Outcome as error:
            return error.reason
        finally:
            lab.close()
        return "a new session cannot be had" if self.starved else ""

    def close(self) -> None:
        self.lab.close()
        self.witnesses = []

    async def _witness(self) -> Witness:
        wire = await self.lab.wire("bystander")
        if (self.lab.target.echo or not self.with_session) and not await wire.echoes():
            raise Undecided(wire.missing("reply on a new connection"))
        if not self.with_session:
            return Witness(wire, ())
        try:
            return Witness(wire, tuple([await session(wire) for _ in range(SESSIONS)]))
        except Outcome:
            self.starved, self.full = True, await self._is_full(wire)
            raise

    async def _is_full(self, wire: Wire) -> bool:
        attempt = hello(wire)
        attempt.send()
        message = await attempt.answered()
        return message is not None and attempt.is_refused_by(message)

"""The bystander: connections and sessions with the node, and its echo worker, which no case touches or may harm.

Rule 1: it is probed before each case, and replaced if it does not answer, so that a failure afterwards is the effect of
        the case. A session is not probed once the node may have given it up as idle.
Rule 2: it has several connections and sessions, since a node may lose some of its workers and not others.
Rule 3: a session that has ended by a bound of the node's own (own_bounds.py), or that the node has closed while a new
        one can be opened, is not harmed: it is replaced.
Source: clause 14.4 (S14).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    CaseOutcome,
    Deviation,
    KitRun,
    OutOfTime,
    Undecided,
    Wire,
)
from ockam_fsm.conformance.wire.client_session import ClientSession, hello, session
from ockam_fsm.conformance.wire.own_bounds import ends_by_itself
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import now, together

CONNECTIONS, SESSIONS = 2, 2
"""The number of connections, and of sessions over each."""
HELD_UP = "a connection that the case did not use is blocked"


@dataclass(frozen=True)
class Witness:
    """A connection that no case touches, with its sessions."""

    wire: Wire
    talks: tuple[ClientSession, ...]
    lost: list[tuple[ClientSession, float]] = field(default_factory=list)
    """The session that was missing in the last probe, and for how long it had been left alone."""

    async def missing(self, sessions: bool) -> str:
        """The problem; empty if the connection and, with `sessions`, its sessions answer."""
        self.lost.clear()
        try:
            asks_echo = self.wire.context.target.echo or not self.talks
            if asks_echo and not await self._echoes() and not self.wire.peer.ended:
                return f"{HELD_UP}: {self.wire.missing('a reply')}"
            if self.wire.peer.ended:
                return f"a connection that the case did not use has ended: {self.wire.peer.ended}"
            for talk in self.talks if sessions else ():
                alone_seconds = talk.alone_seconds
                if not await talk.ask():
                    self.lost.append((talk, alone_seconds))
                    return "a session that the case did not use does not reply"
        except Deviation as error:
            return error.reason
        except Undecided:
            return ""  # late, or out of time: no evidence against the node
        return ""

    async def _echoes(self) -> bool:
        """Whether the connection echoes within twice the patience, as for every expected message."""
        return await self.wire.echoes() or (not self.wire.peer.ended and await self.wire.echoes())


class Bystander:
    """Connections and sessions that no case uses. `with_session` False: no session can be opened, so none is probed."""

    def __init__(self, run: KitRun, *, with_session: bool) -> None:
        self.context = CaseContext(run)
        self.with_session = with_session
        self.witnesses: list[Witness] = []
        self.heard = 0.0
        self.lost: list[tuple[ClientSession, float]] = []
        """In the last probe only these sessions were missing: as `Witness.lost`."""
        self.held_up = False
        """In the last probe, only answers on open connections were missing."""
        self.starved = self.full = False
        """`starved`: in the last failed start or probe only a session was missing. `full`: the spawner refused it,
        as a full spawner may."""

    async def ready(self) -> str:
        """Probe the bystander, and replace it if it does not answer. Return why it cannot be replaced, else empty.

        Raises:
            OutOfTime: no evidence against the node.
        """
        if self.witnesses and self._is_believed and not await self.missing():
            return ""
        self.close()
        self.starved = self.full = False
        try:
            self.witnesses = [await self._witness() for _ in range(CONNECTIONS)]
        except OutOfTime:
            raise
        except CaseOutcome as error:
            self.close()
            return error.reason
        self.heard = now()
        return ""

    async def harmed(self) -> str:
        """The harm to the bystander since `ready`; empty if there is none."""
        problem = await self.missing(sessions=self._is_believed)
        if problem and self.lost and await self._ended_in_order():
            self.witnesses = [replace(one, talks=()) for one in self.witnesses]
            self.heard = -inf  # `ready` opens others
            return ""
        return problem

    async def _ended_in_order(self) -> bool:
        """Whether the lost sessions are no evidence (Rule 3). Raises OutOfTime."""
        if all(talk.is_closed for talk, _ in self.lost):
            return not await self.newcomer()
        return await ends_by_itself(self.context.run, min(alone_seconds for _, alone_seconds in self.lost))

    @property
    def believed_seconds(self) -> float:
        """How long the bystander's sessions may be idle before the node may give them up, with a margin."""
        target = self.context.target
        waits = [target.durations.idle_seconds or 30.0, self.context.run.bound_seconds or inf]
        if target.session_type.renegotiation is Renegotiation.TWO_SIDED:
            waits.append(target.durations.keepalive_seconds)
        return min(waits) / 2

    @property
    def _is_believed(self) -> bool:
        return now() - self.heard <= self.believed_seconds

    async def missing(self, *, sessions: bool = True) -> str:
        """The first problem; empty if all connections and, with `sessions`, their sessions answer."""
        problems = [one for one in await together(one.missing(sessions) for one in self.witnesses) if one]
        if sessions and not problems:
            self.heard = now()
        self.held_up = bool(problems) and all(one.startswith(HELD_UP) for one in problems)
        lost = [found for one in self.witnesses for found in one.lost]
        self.lost = lost if len(lost) == len(problems) else []
        return next(iter(problems), "")

    async def newcomer(self) -> str:
        """Open a session over a new connection and close it. Return why that fails; empty if it works, or if the
        spawner is full, which it may be."""
        if not self.with_session:
            return ""
        context = CaseContext(self.context.run)
        try:
            attempt = hello(await context.wire("newcomer"))
            attempt.send()
            message = await attempt.answered()
            self.starved = message is None
            if message is not None and self.context.target.generations and not attempt.is_refused_by(message):
                talk = attempt.completed(message)
                talk.send_signal(talk.close(), "close")
        except OutOfTime:
            raise
        except CaseOutcome as error:
            return error.reason
        finally:
            context.close()
        return "a new session cannot be opened: its hello gets no reply" if self.starved else ""

    def close(self) -> None:
        self.context.close()
        self.witnesses = []

    async def _witness(self) -> Witness:
        wire = await self.context.wire("bystander")
        if (self.context.target.echo or not self.with_session) and not await wire.echoes():
            raise Undecided(wire.missing("a reply on a new connection"))
        if not self.with_session:
            return Witness(wire, ())
        try:
            return Witness(wire, tuple([await session(wire) for _ in range(SESSIONS)]))
        except CaseOutcome:
            self.starved, self.full = True, await self._is_full(wire)
            raise

    async def _is_full(self, wire: Wire) -> bool:
        attempt = hello(wire)
        attempt.send()
        message = await attempt.answered()
        return message is not None and attempt.is_refused_by(message)

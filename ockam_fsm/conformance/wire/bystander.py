"""The rest of the node: a connection, a session and the echo worker that no case touches, and that must not notice any.

Rule 1: it is asked before a hostile case as well, and made anew where it does not live. So what it says afterwards is
        the case's doing. Where it was left alone for so long that the node may have given it up, it is not believed.
Source: clause 14.4 (S14).
"""

from __future__ import annotations

from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, Outcome, Run, Wire
from ockam_fsm.conformance.wire.client_session import ClientSession, session
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import now


class Bystander:
    """`with_session` False: only the connection and the echo worker are asked (the node's sessions cannot be had)."""

    def __init__(self, run: Run, *, with_session: bool) -> None:
        self.lab = CaseContext(run)
        self.with_session = with_session
        self.wire: Wire | None = None
        self.talk: ClientSession | None = None
        self.heard = 0.0

    async def ready(self) -> str:
        """Make sure that it lives. The result says why it cannot, if so."""
        if self.wire is not None and not await self._missing():
            return ""
        self.lab.close()
        try:
            self.wire = await self.lab.wire("bystander")
            self.talk = await session(self.wire) if self.with_session else None
        except Outcome as error:
            self.wire = None
            return error.reason
        self.heard = now()
        return ""

    async def harmed(self) -> str:
        """What has become of it since `ready`; empty: nothing."""
        missing = await self._missing()
        if missing and now() - self.heard > self._believed_seconds():
            return ""  # the node had a right to give it up
        return missing

    async def _missing(self) -> str:
        assert self.wire is not None
        try:
            if not await self.wire.echoes():
                return self.wire.missing("reply on another connection that had no part in it")
            if self.talk is not None and not await self.talk.ask():
                return "a session that had no part in it is dead"
        except Deviation as error:
            return error.reason
        self.heard = now()
        return ""

    def _believed_seconds(self) -> float:
        target = self.lab.target
        waits = [target.durations.idle_seconds or 30.0]
        if target.session_type.renegotiation is Renegotiation.TWO_SIDED:
            waits.append(target.durations.keepalive_seconds)
        return min(waits) / 2

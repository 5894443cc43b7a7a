"""The check whether a session may have ended by a bound of the node itself, which need not be declared.

Theory: a node may end a session that receives nothing for some time (3.7), whose keepalives the kit has answered too
late (6.5), or whose attempts are spent (3.4). Such a session looks like one that a case has ended.

Rule 1: a control decides: a new session that is left alone for longer than the lost one. If it ends too, the loss is no
        evidence. It has to end in each of `CONTROLS` tries, since late harm may reach one of them.
Rule 2: where a case of the tables finds a difference, each undeclared time-out has a control (`hurries`).
Rule 3: what was found out holds for the run. A control that cannot be opened excuses nothing.
"""

from __future__ import annotations

from ockam_fsm.conformance.wire.case_context import CaseContext, CaseOutcome, KitRun, OutOfTime, Undecided
from ockam_fsm.conformance.wire.client_session import ClientSession, next_generation, session
from ockam_fsm.net.raw_peer import now, pause, together
from ockam_fsm.runtime.session.signals import Error

CONTROLS = 2
FACTOR, MORE_SECONDS = 1.25, 0.25
"""A control is left alone for this many times the time of the lost session, and so much longer: timers may be late."""


async def goes_on(talk: ClientSession) -> bool:
    """Whether a session still sends data back.

    Raises:
        Undecided: it does not, and neither does a session that no case has touched.
    """
    alone_seconds = talk.alone_seconds
    if await talk.ask():
        return True
    await is_evidence(talk, alone_seconds)
    return False


async def is_evidence(talk: ClientSession, alone_seconds: float) -> None:
    """Raise Undecided if a session that was left alone for `alone_seconds` may have ended by a bound of the node."""
    if await ends_by_itself(talk.wire.context.run, alone_seconds):
        raise Undecided(
            f"the session ended, as does one that nothing disturbs for {alone_seconds:.1f} s: a time-out of the node"
        )


async def ends_by_itself(run: KitRun, alone_seconds: float) -> bool:
    """Whether sessions end that are left alone for so long. Raises OutOfTime."""
    if run.bound_seconds is not None and alone_seconds >= run.bound_seconds:
        return True
    seconds = alone_seconds * FACTOR + MORE_SECONDS
    if seconds <= run.survived_seconds:
        return False
    for _ in range(CONTROLS):
        if await _survives(run, seconds):
            return False
    run.bound_seconds = alone_seconds
    return True


async def hurries(run: KitRun, seconds: float) -> str:
    """The names of undeclared time-outs that end a session which is left alone for so long; empty if none does.

    Raises:
        OutOfTime: no evidence.
    """
    names = [name for name in run.target.timeouts if name not in run.target.declared]
    if seconds <= run.unhurried_seconds:
        return ""
    survived = await together(_survives(run, seconds * FACTOR + MORE_SECONDS, name) for name in names)
    if all(survived):
        run.unhurried_seconds = seconds
    return ", ".join(name for name, there in zip(names, survived, strict=True) if not there)


async def _survives(run: KitRun, seconds: float, bound: str = "idle") -> bool:
    """Whether a new session is there after it was left alone for so long. `bound`: the time-out that could end it. A
    session that cannot be opened shows nothing."""
    context = CaseContext(run)
    try:
        talk = await session(await context.wire("control"), confirmed=bound != "negotiation")
        if bound == "retention":
            talk.send_signal(Error("lost"), "error, which is a failure")
        await pause(min(seconds, max(0.0, run.deadline - now())))
        return (await next_generation(talk)).answer.resumed if bound == "retention" else await talk.ask()
    except OutOfTime:
        raise
    except CaseOutcome:
        return True
    finally:
        context.close()

"""A supervised worker: it restarts when its handler raises, and stops after too many failures.

Rule 1: the failure of a handler changes this worker and no other one (S14).
Rule 2: restarts are bounded. Each waits for a back-off, and `failures` counts them until the worker was quiet for a
        while; when its budget is spent the worker stops permanently.
Left out: messages and the restart itself. The message whose handler raised is a dead letter; so is every message
that arrives while the worker waits for its restart.
Source: `spec/sessions.md` clause 10.2 (S14); Erlang's supervisors, whose restart intensity this bound is.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class WorkerState(Symbol):
    RUNNING = "messages are handled"
    RESTARTING = "the handler has failed; the worker waits for its restart"
    STOPPED = "final: its addresses are gone"


class WorkerEvent(Symbol):
    MESSAGE_RECEIVED = "a message for the worker"
    TIMER_FIRED = "a timer of the worker's own is due"
    HANDLER_RAISED = "the handler, or the function that makes a new one, has raised an exception"
    RESTART_DUE = "timer: the back-off before the restart is over"
    QUIET_LONG_ENOUGH = "timer: nothing has failed for a while"
    STOP = "order: stop"


class WorkerEffect(Symbol):
    HANDLE = "call the handler with the message"
    HANDLE_TIMER = "call the handler with the timer"
    REMAKE = "make a new handler"
    START_BACK_OFF = "start the back-off timer"
    START_QUIET = "start the quiet timer"
    STOP_TIMERS = "stop every timer of the worker"
    RETIRE = "the addresses of the worker vanish"


FAILURES = Counter("failures", 5, "failures since the worker was last quiet; the budget of restarts is the limit")

SupervisedMachine: TypeAlias = Machine[WorkerState, WorkerEvent, WorkerEffect]

_S, _E, _F = WorkerState, WorkerEvent, WorkerEffect
_CITE = "10.2"
_STOPPED = "the worker has stopped"
_RESTARTING = "the worker waits for its restart"

SUPERVISED: SupervisedMachine = Machine(
    name="supervised worker",
    initial=_S.RUNNING,
    final=(_S.STOPPED,),
    events=tuple(WorkerEvent),
    counters=(FAILURES,),
    parts=(
        Part(
            "handle, fail, wait, restart; stop when the budget of restarts is spent",
            (
                Row("SU1", _S.RUNNING, _E.MESSAGE_RECEIVED, _S.RUNNING, (_F.HANDLE,), cites=_CITE),
                Row("SU2", _S.RUNNING, _E.TIMER_FIRED, _S.RUNNING, (_F.HANDLE_TIMER,), cites=_CITE),
                Row("SU3", _S.RUNNING, _E.HANDLER_RAISED, _S.RESTARTING, (_F.STOP_TIMERS, _F.START_BACK_OFF),
                    when=(FAILURES.below(),), updates=(FAILURES.increment,), cites=_CITE),
                Row("SU4", _S.RUNNING, _E.HANDLER_RAISED, _S.STOPPED, (_F.STOP_TIMERS, _F.RETIRE),
                    when=(FAILURES.at_least(),), cites=_CITE),
                Row("SU5", _S.RESTARTING, _E.RESTART_DUE, _S.RUNNING, (_F.START_QUIET, _F.REMAKE), cites=_CITE),
                Row("SU6", _S.RUNNING, _E.QUIET_LONG_ENOUGH, _S.RUNNING, (), updates=(FAILURES.reset,), cites=_CITE),
                Row("SU7", _S.RUNNING, _E.STOP, _S.STOPPED, (_F.STOP_TIMERS, _F.RETIRE), cites=_CITE),
                Row("SU8", _S.RESTARTING, _E.STOP, _S.STOPPED, (_F.STOP_TIMERS, _F.RETIRE), cites=_CITE),
                Ignore(_E.MESSAGE_RECEIVED, (_S.RESTARTING,), because=_RESTARTING),
                Ignore(_E.MESSAGE_RECEIVED, (_S.STOPPED,), because=_STOPPED),
                Ignore(_E.TIMER_FIRED, because="the handler that set it is gone"),
                Ignore(_E.STOP, (_S.STOPPED,), because=_STOPPED),
                Refuse(_E.HANDLER_RAISED, because="a handler runs in RUNNING only"),
                Refuse(_E.RESTART_DUE, because="the back-off runs in RESTARTING only"),
                Refuse(_E.QUIET_LONG_ENOUGH, because="the quiet timer runs in RUNNING only"),
            ),
        ),
    ),
)  # fmt: skip

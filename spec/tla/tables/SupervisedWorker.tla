GENERATED from ockam_fsm/machines/supervised.py; edit the table
------------------------------------------ MODULE SupervisedWorker -------------------------------------------
\* supervised worker: A supervised worker: it restarts when its handler raises, and stops after too many
\* failures
EXTENDS Table

States == {"RUNNING", "RESTARTING", "STOPPED"}
Initial == "RUNNING"
Final == {"STOPPED"}
Events == {"MESSAGE_RECEIVED", "TIMER_FIRED", "HANDLER_RAISED", "RESTART_DUE", "QUIET_LONG_ENOUGH", "STOP"}

--------------------------------------------------------------------------------------------------------------
\* handle, fail, wait, restart; stop when the budget of restarts is spent

\* RUNNING, MESSAGE_RECEIVED. Source: 10.2
SU1(c, max) == Row("SU1", "RUNNING", c, <<"HANDLE">>)

\* RUNNING, TIMER_FIRED. Source: 10.2
SU2(c, max) == Row("SU2", "RUNNING", c, <<"HANDLE_TIMER">>)

\* RUNNING, HANDLER_RAISED [failures < failures limit]. Source: 10.2
SU3(c, max) == Row("SU3", "RESTARTING", [c EXCEPT !.failures = Increment(@, max.failures)],
    <<"STOP_TIMERS", "START_BACK_OFF">>)

\* RUNNING, HANDLER_RAISED [failures ≥ failures limit]. Source: 10.2
SU4(c, max) == Row("SU4", "STOPPED", c, <<"STOP_TIMERS", "RETIRE">>)

\* RESTARTING, RESTART_DUE. Source: 10.2
SU5(c, max) == Row("SU5", "RUNNING", c, <<"START_QUIET", "REMAKE">>)

\* RUNNING, QUIET_LONG_ENOUGH. Source: 10.2
SU6(c, max) == Row("SU6", "RUNNING", [c EXCEPT !.failures = 0], <<>>)

\* RUNNING, STOP. Source: 10.2
SU7(c, max) == Row("SU7", "STOPPED", c, <<"STOP_TIMERS", "RETIRE">>)

\* RESTARTING, STOP. Source: 10.2
SU8(c, max) == Row("SU8", "STOPPED", c, <<"STOP_TIMERS", "RETIRE">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "RUNNING" ->
     (CASE event = "MESSAGE_RECEIVED" -> SU1(c, max)
        [] event = "TIMER_FIRED" -> SU2(c, max)
        [] event = "HANDLER_RAISED" ->
            (CASE BelowLimit(c.failures, max.failures) -> SU3(c, max)
              [] AtLimit(c.failures, max.failures) -> SU4(c, max))
        [] event = "QUIET_LONG_ENOUGH" -> SU6(c, max)
        [] event = "STOP" -> SU7(c, max)
        [] event = "RESTART_DUE" -> Refused("the back-off runs in RESTARTING only"))
  [] state = "RESTARTING" ->
     (CASE event = "RESTART_DUE" -> SU5(c, max)
        [] event = "STOP" -> SU8(c, max)
        [] event = "MESSAGE_RECEIVED" -> Ignored("the worker waits for its restart")
        [] event = "TIMER_FIRED" -> Ignored("the handler that set it is gone")
        [] event = "HANDLER_RAISED" -> Refused("a handler runs in RUNNING only")
        [] event = "QUIET_LONG_ENOUGH" -> Refused("the quiet timer runs in RUNNING only"))
  [] state = "STOPPED" ->
     (CASE event \in {"MESSAGE_RECEIVED", "STOP"} -> Ignored("the worker has stopped")
        [] event = "TIMER_FIRED" -> Ignored("the handler that set it is gone")
        [] event = "HANDLER_RAISED" -> Refused("a handler runs in RUNNING only")
        [] event = "RESTART_DUE" -> Refused("the back-off runs in RESTARTING only")
        [] event = "QUIET_LONG_ENOUGH" -> Refused("the quiet timer runs in RUNNING only"))
==============================================================================================================

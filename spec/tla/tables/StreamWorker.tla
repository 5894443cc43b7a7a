GENERATED from ockam_fsm/machines/stream.py; edit the table
-------------------------------------------- MODULE StreamWorker ---------------------------------------------
\* stream worker: The stream worker: it stores the messages of publishers, and confirms each when it is stored
EXTENDS Table

States == {"OPENING", "SERVING", "WAITING", "STOPPED"}
Initial == "OPENING"
Final == {"STOPPED"}
Events == {"LOG_OPENED", "STORAGE_FAILED", "RETRY_DUE", "PUSH_NEXT", "PUSH_UNDER_WAY", "PUSH_STORED",
    "PUSH_BEYOND", "PUSH_PLAIN", "APPENDED", "PULL", "STOP"}

--------------------------------------------------------------------------------------------------------------
\* store, then confirm

\* SERVING, PUSH_NEXT [pending < pending limit]. Source: discussion: reliable delivery; 12.3
LG1(c, max) == Row("LG1", "SERVING", [c EXCEPT !.pending = Increment(@, max.pending)], <<"APPEND">>)

\* SERVING, PUSH_UNDER_WAY. Source: 12.5
LG2(c, max) == Row("LG2", "SERVING", c, <<"ANSWER_LATER">>)

\* SERVING, PUSH_STORED. Source: 12.3
LG3(c, max) == Row("LG3", "SERVING", c, <<"CONFIRM_AGAIN">>)

\* SERVING, PUSH_PLAIN [pending < pending limit]. Source: 12.6
LG4(c, max) == Row("LG4", "SERVING", [c EXCEPT !.pending = Increment(@, max.pending)], <<"APPEND">>)

\* SERVING, PUSH_PLAIN [pending ≥ pending limit]. Source: 12.6
LG5(c, max) == Row("LG5", "SERVING", c, <<"REFUSE_PLAIN">>)

\* SERVING, APPENDED. Source: 12.3
LG6(c, max) == Row("LG6", "SERVING", [c EXCEPT !.pending = Decrement(@, max.pending)], <<"CONFIRM">>)

\* SERVING, PULL. Source: 12.7
LG7(c, max) == Row("LG7", "SERVING", c, <<"READ">>)
--------------------------------------------------------------------------------------------------------------
\* open the log, and open it again when the storage has failed

\* OPENING, LOG_OPENED. Source: 12.5
LG8(c, max) == Row("LG8", "SERVING", c, <<"RESET_BACK_OFF">>)

\* OPENING, STORAGE_FAILED. Source: 12.5
LG9(c, max) == Row("LG9", "WAITING", c, <<"FORGET_ACCEPTED", "END_SESSIONS", "START_BACK_OFF">>)

\* SERVING, STORAGE_FAILED. Source: 12.5
LG10(c, max) == Row("LG10", "WAITING", [c EXCEPT !.pending = 0],
    <<"FORGET_ACCEPTED", "END_SESSIONS", "START_BACK_OFF">>)

\* WAITING, RETRY_DUE. Source: 12.5
LG11(c, max) == Row("LG11", "OPENING", c, <<"OPEN_LOG">>)

\* OPENING, PUSH_PLAIN. Source: 12.6
LG12(c, max) == Row("LG12", "OPENING", c, <<"REFUSE_PLAIN">>)

\* WAITING, PUSH_PLAIN. Source: 12.6
LG13(c, max) == Row("LG13", "WAITING", c, <<"REFUSE_PLAIN">>)

\* OPENING, PULL. Source: 12.6
LG14(c, max) == Row("LG14", "OPENING", c, <<"REFUSE_PLAIN">>)

\* WAITING, PULL. Source: 12.6
LG15(c, max) == Row("LG15", "WAITING", c, <<"REFUSE_PLAIN">>)
--------------------------------------------------------------------------------------------------------------
\* the end

\* OPENING, STOP. Source: 12.5
LG16(c, max) == Row("LG16", "STOPPED", c, <<"END_SESSIONS", "CLOSE_LOG">>)

\* SERVING, STOP. Source: 12.5
LG17(c, max) == Row("LG17", "STOPPED", c, <<"FORGET_ACCEPTED", "END_SESSIONS", "CLOSE_LOG">>)

\* WAITING, STOP. Source: 12.5
LG18(c, max) == Row("LG18", "STOPPED", c, <<"STOP_TIMERS", "END_SESSIONS">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "OPENING" ->
     (CASE event = "LOG_OPENED" -> LG8(c, max)
        [] event = "STORAGE_FAILED" -> LG9(c, max)
        [] event = "PUSH_PLAIN" -> LG12(c, max)
        [] event = "PULL" -> LG14(c, max)
        [] event = "STOP" -> LG16(c, max)
        [] event = "RETRY_DUE" -> Refused("the back-off runs in WAITING only")
        [] event \in {"PUSH_NEXT", "PUSH_UNDER_WAY", "PUSH_STORED", "PUSH_BEYOND"} -> Ignored("the log is not open")
        [] event = "APPENDED" -> Ignored("it was given to a log that is closed"))
  [] state = "SERVING" ->
     (CASE event = "STORAGE_FAILED" -> LG10(c, max)
        [] event = "PUSH_NEXT" ->
            (CASE BelowLimit(c.pending, max.pending) -> LG1(c, max)
              [] AtLimit(c.pending, max.pending) -> Ignored("too many messages wait to be stored"))
        [] event = "PUSH_UNDER_WAY" -> LG2(c, max)
        [] event = "PUSH_STORED" -> LG3(c, max)
        [] event = "PUSH_PLAIN" ->
            (CASE BelowLimit(c.pending, max.pending) -> LG4(c, max)
              [] AtLimit(c.pending, max.pending) -> LG5(c, max))
        [] event = "APPENDED" -> LG6(c, max)
        [] event = "PULL" -> LG7(c, max)
        [] event = "STOP" -> LG17(c, max)
        [] event = "LOG_OPENED" -> Ignored("no opening of the log is under way")
        [] event = "RETRY_DUE" -> Refused("the back-off runs in WAITING only")
        [] event = "PUSH_BEYOND" -> Ignored("a message before it is missing"))
  [] state = "WAITING" ->
     (CASE event = "RETRY_DUE" -> LG11(c, max)
        [] event = "PUSH_PLAIN" -> LG13(c, max)
        [] event = "PULL" -> LG15(c, max)
        [] event = "STOP" -> LG18(c, max)
        [] event = "LOG_OPENED" -> Ignored("no opening of the log is under way")
        [] event \in {"STORAGE_FAILED", "APPENDED"} -> Ignored("it was given to a log that is closed")
        [] event \in {"PUSH_NEXT", "PUSH_UNDER_WAY", "PUSH_STORED", "PUSH_BEYOND"} -> Ignored("the log is not open"))
  [] state = "STOPPED" ->
     (CASE event = "LOG_OPENED" -> Ignored("no opening of the log is under way")
        [] event = "STORAGE_FAILED" -> Ignored("it was given to a log that is closed")
        [] event = "RETRY_DUE" -> Refused("the back-off runs in WAITING only")
        [] event \in {"PUSH_NEXT", "PUSH_UNDER_WAY", "PUSH_STORED", "PUSH_BEYOND", "PUSH_PLAIN",
              "APPENDED", "PULL", "STOP"} -> Ignored("the stream worker has stopped"))
==============================================================================================================

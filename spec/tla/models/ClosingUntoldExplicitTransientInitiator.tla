GENERATED from ockam_fsm/specification/tlc_models.py; edit the table
------------------------------- MODULE ClosingUntoldExplicitTransientInitiator -------------------------------
\* closing-untold explicit-transient initiator: closing-untold: an owner would continue to use a closed
\* session
EXTENDS Table

States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "CLOSED"}
Initial == "IDLE"
Final == {"CLOSED"}
Events == {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP", "ANSWER_CURRENT", "ANSWER_CHANGED",
    "ANSWER_STALE", "SUPERSEDED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED", "KEEPALIVE_ANSWERED",
    "CLOSE_RECEIVED", "GOING_AWAY_RECEIVED", "ERROR_RECEIVED", "STRAY", "LOWER_LAYER_LOST",
    "REQUEST_EXPIRED", "NEGOTIATION_EXPIRED", "BACK_OFF_EXPIRED", "KEEPALIVE_DUE"}

--------------------------------------------------------------------------------------------------------------
\* explicit creation: an API call opens the session

\* IDLE, OPEN. Source: discussion: explicit; 2.2
XT1(c, max) == Row("XT1", "NEGOTIATING", c, <<"START_ATTEMPT", "SEND_HELLO", "START_NEGOTIATION">>)
--------------------------------------------------------------------------------------------------------------
\* the first negotiation, started by this end

\* NEGOTIATING, ANSWER_CURRENT. Source: 4.3
NT1(c, max) == Row("NT1", "ESTABLISHED", [c EXCEPT !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "SEND_KEEPALIVE", "START_KEEPALIVE",
        "FORWARD_HELD">>)

\* NEGOTIATING, SUPERSEDED. Source: 4.2
NT2(c, max) == Row("NT2", "TIMED_OUT", c,
    <<"CATCH_UP", "STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT",
        "START_ZERO_BACK_OFF">>)

\* NEGOTIATING, ERROR_RECEIVED. Source: discussion: error messages
NT3(c, max) == Row("NT3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* NEGOTIATING, GOING_AWAY_RECEIVED. Source: 3.8
NT4(c, max) == Row("NT4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* established: data both ways, and answers to keepalives

\* ESTABLISHED, SEND. Source: 7.3
EK1(c, max) == Row("EK1", "ESTABLISHED", c, <<"SEND_DATA">>)

\* ESTABLISHED, DATA_RECEIVED. Source: 7.3
EK2(c, max) == Row("EK2", "ESTABLISHED", [c EXCEPT !.misses = 0], <<"DELIVER">>)

\* ESTABLISHED, KEEPALIVE_RECEIVED. Source: 4.7
EK3(c, max) == Row("EK3", "ESTABLISHED", [c EXCEPT !.misses = 0], <<"ANSWER_KEEPALIVE">>)
--------------------------------------------------------------------------------------------------------------
\* answers that this end's attempt does not wait for

\* ESTABLISHED, ANSWER_CHANGED. Source: 4.3
YT1(c, max) == Row("YT1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* keepalives: a bounded number of misses in a row is a failure

\* ESTABLISHED, KEEPALIVE_DUE [misses < misses limit]. Source: 4.7, 6.5
KT1(c, max) == Row("KT1", "ESTABLISHED", [c EXCEPT !.misses = Increment(@, max.misses)],
    <<"SEND_KEEPALIVE", "START_KEEPALIVE">>)

\* ESTABLISHED, KEEPALIVE_DUE [misses ≥ misses limit]. Source: 4.7, 6.5
KT2(c, max) == Row("KT2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* ESTABLISHED, KEEPALIVE_ANSWERED. Source: 4.7
KT3(c, max) == Row("KT3", "ESTABLISHED", [c EXCEPT !.misses = 0], <<>>)
--------------------------------------------------------------------------------------------------------------
\* failures that lead to TIMED_OUT

\* NEGOTIATING, NEGOTIATION_EXPIRED. Source: 3.4, 3.9
FT1(c, max) == Row("FT1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* NEGOTIATING, LOWER_LAYER_LOST. Source: 3.11
FT2(c, max) == Row("FT2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* ESTABLISHED, LOWER_LAYER_LOST. Source: 3.11
FT3(c, max) == Row("FT3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* ESTABLISHED, ERROR_RECEIVED. Source: discussion: error messages
FT4(c, max) == Row("FT4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* ESTABLISHED, REQUEST_EXPIRED. Source: discussion: request timeouts
FT5(c, max) == Row("FT5", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* ESTABLISHED, GOING_AWAY_RECEIVED. Source: 3.8
FT6(c, max) == Row("FT6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* transient: a failure ends the session

\* TIMED_OUT, BACK_OFF_EXPIRED. Source: 3.3
TT1(c, max) == Row("TT1", "CLOSED", [c EXCEPT !.held = 0], <<"FAIL_REQUESTS", "DISCARD_HELD">>)

\* NEGOTIATING, CLOSE_RECEIVED. Source: 3.8
TT2(c, max) == Row("TT2", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* ESTABLISHED, CLOSE_RECEIVED. Source: 3.8
TT3(c, max) == Row("TT3", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)
--------------------------------------------------------------------------------------------------------------
\* messages wait for the session, in order and within its capacity

\* NEGOTIATING, SEND [held < held limit]. Source: 7.2
HT1(c, max) == Row("HT1", "NEGOTIATING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)
--------------------------------------------------------------------------------------------------------------
\* a message that waits is taken back

\* NEGOTIATING, WITHDRAW [held ≥ 1]. Source: 6.7
IT1(c, max) == Row("IT1", "NEGOTIATING", [c EXCEPT !.held = Decrement(@, max.held)], <<"TAKE_BACK">>)

\* TIMED_OUT, WITHDRAW [held ≥ 1]. Source: 6.7
IT2(c, max) == Row("IT2", "TIMED_OUT", [c EXCEPT !.held = Decrement(@, max.held)], <<"TAKE_BACK">>)
--------------------------------------------------------------------------------------------------------------
\* closing, by order of the application

\* IDLE, CLOSE. Source: 3.8
ZT1(c, max) == Row("ZT1", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* NEGOTIATING, CLOSE. Source: 3.8
ZT2(c, max) == Row("ZT2", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* ESTABLISHED, CLOSE. Source: 3.8
ZT3(c, max) == Row("ZT3", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* TIMED_OUT, CLOSE. Source: 3.8
ZT4(c, max) == Row("ZT4", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)
--------------------------------------------------------------------------------------------------------------
\* going away: the node or the host stops; for a persistent peer the session goes on

\* IDLE, STOP. Source: 3.8
LT1(c, max) == Row("LT1", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* NEGOTIATING, STOP. Source: 3.8
LT2(c, max) == Row("LT2", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* ESTABLISHED, STOP. Source: 3.8
LT3(c, max) == Row("LT3", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* TIMED_OUT, STOP. Source: 3.8
LT4(c, max) == Row("LT4", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "IDLE" ->
     (CASE event = "OPEN" -> XT1(c, max)
        [] event = "CLOSE" -> ZT1(c, max)
        [] event = "STOP" -> LT1(c, max)
        [] event = "SEND" -> Refused("the session is not open")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "NEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HT1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IT1(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZT2(c, max)
        [] event = "STOP" -> LT2(c, max)
        [] event = "ANSWER_CURRENT" -> NT1(c, max)
        [] event = "SUPERSEDED" -> NT2(c, max)
        [] event = "CLOSE_RECEIVED" -> TT2(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> NT4(c, max)
        [] event = "ERROR_RECEIVED" -> NT3(c, max)
        [] event = "LOWER_LAYER_LOST" -> FT2(c, max)
        [] event = "NEGOTIATION_EXPIRED" -> FT1(c, max)
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "ESTABLISHED" ->
     (CASE event = "SEND" -> EK1(c, max)
        [] event = "CLOSE" -> ZT3(c, max)
        [] event = "STOP" -> LT3(c, max)
        [] event = "ANSWER_CHANGED" -> YT1(c, max)
        [] event = "DATA_RECEIVED" -> EK2(c, max)
        [] event = "KEEPALIVE_RECEIVED" -> EK3(c, max)
        [] event = "KEEPALIVE_ANSWERED" -> KT3(c, max)
        [] event = "CLOSE_RECEIVED" -> TT3(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> FT6(c, max)
        [] event = "ERROR_RECEIVED" -> FT4(c, max)
        [] event = "LOWER_LAYER_LOST" -> FT3(c, max)
        [] event = "REQUEST_EXPIRED" -> FT5(c, max)
        [] event = "KEEPALIVE_DUE" ->
            (CASE BelowLimit(c.misses, max.misses) -> KT1(c, max)
              [] AtLimit(c.misses, max.misses) -> KT2(c, max))
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only"))
  [] state = "TIMED_OUT" ->
     (CASE event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IT2(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZT4(c, max)
        [] event = "STOP" -> LT4(c, max)
        [] event = "BACK_OFF_EXPIRED" -> TT1(c, max)
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "SEND" -> Refused("the session has failed")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "CLOSED" ->
     (CASE event = "OPEN" -> Refused("the session is open already")
        [] event = "SEND" -> Refused("the session is closed")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event \in {"CLOSE", "STOP"} -> Ignored("the session is closed")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_models.py; edit the table
------------------------------- MODULE ClosingUntoldExplicitTransientResponder -------------------------------
\* closing-untold explicit-transient responder: closing-untold: an owner would continue to use a closed
\* session
EXTENDS Table

States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "CLOSED"}
Initial == "IDLE"
Final == {"CLOSED"}
Events == {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP", "HELLO_NEWER", "HELLO_REPEATED",
    "HELLO_OLDER", "CONFIRMED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED", "CLOSE_RECEIVED",
    "CLOSE_AT_CONTACT", "GOING_AWAY_RECEIVED", "ERROR_RECEIVED", "STRAY", "LOWER_LAYER_LOST",
    "REQUEST_EXPIRED", "NEGOTIATION_EXPIRED", "BACK_OFF_EXPIRED", "IDLE_EXPIRED"}

--------------------------------------------------------------------------------------------------------------
\* a responder is created by its host when a hello arrives

\* IDLE, HELLO_NEWER. Source: discussion: negotiation; 4.2
A1(c, max) == Row("A1", "NEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)
--------------------------------------------------------------------------------------------------------------
\* answering a hello: the session is established by the first message of the peer in the new generation

\* NEGOTIATING, CONFIRMED. Source: 4.4
QT1(c, max) == Row("QT1", "ESTABLISHED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "START_IDLE", "FORWARD_HELD">>)

\* NEGOTIATING, HELLO_REPEATED. Source: 4.2
QT2(c, max) == Row("QT2", "NEGOTIATING", c, <<"SEND_ANSWER">>)

\* ESTABLISHED, HELLO_REPEATED. Source: 4.2
QT3(c, max) == Row("QT3", "ESTABLISHED", c, <<"SEND_ANSWER">>)

\* NEGOTIATING, HELLO_OLDER. Source: 4.2, 4.6
QT4(c, max) == Row("QT4", "NEGOTIATING", c, <<"SEND_SUPERSEDED">>)

\* ESTABLISHED, HELLO_OLDER. Source: 4.2
QT5(c, max) == Row("QT5", "ESTABLISHED", c, <<"SEND_SUPERSEDED">>)
--------------------------------------------------------------------------------------------------------------
\* established: data both ways, and answers to keepalives

\* ESTABLISHED, SEND. Source: 7.3
ES1(c, max) == Row("ES1", "ESTABLISHED", c, <<"SEND_DATA">>)

\* ESTABLISHED, DATA_RECEIVED. Source: 7.3
ES2(c, max) == Row("ES2", "ESTABLISHED", c, <<"DELIVER", "START_IDLE">>)

\* ESTABLISHED, KEEPALIVE_RECEIVED. Source: 4.7
ES3(c, max) == Row("ES3", "ESTABLISHED", c, <<"ANSWER_KEEPALIVE", "START_IDLE">>)
--------------------------------------------------------------------------------------------------------------
\* a responder that receives nothing for too long treats its peer as gone

\* ESTABLISHED, IDLE_EXPIRED. Source: 3.7
ST1(c, max) == Row("ST1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)
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
\* a peer without a messaging route closes the session along the initialization route

\* NEGOTIATING, CLOSE_AT_CONTACT. Source: 3.8
CT1(c, max) == Row("CT1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* ESTABLISHED, CLOSE_AT_CONTACT. Source: 3.8
CT2(c, max) == Row("CT2", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)

\* TIMED_OUT, CLOSE_AT_CONTACT. Source: 3.8
CT3(c, max) == Row("CT3", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD">>)
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
     (CASE event = "CLOSE" -> ZT1(c, max)
        [] event = "STOP" -> LT1(c, max)
        [] event = "HELLO_NEWER" -> A1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("no hello has arrived yet")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event \in {"HELLO_REPEATED", "HELLO_OLDER"} -> Ignored("this session answers no hello now")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event \in {"CLOSE_RECEIVED", "CLOSE_AT_CONTACT"} -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only"))
  [] state = "NEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HT1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IT1(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZT2(c, max)
        [] event = "STOP" -> LT2(c, max)
        [] event = "HELLO_REPEATED" -> QT2(c, max)
        [] event = "HELLO_OLDER" -> QT4(c, max)
        [] event = "CONFIRMED" -> QT1(c, max)
        [] event = "CLOSE_AT_CONTACT" -> CT1(c, max)
        [] event = "LOWER_LAYER_LOST" -> FT2(c, max)
        [] event = "NEGOTIATION_EXPIRED" -> FT1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "HELLO_NEWER" -> Ignored("this session answers no hello now")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("any message in the answered generation confirms it first")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only"))
  [] state = "ESTABLISHED" ->
     (CASE event = "SEND" -> ES1(c, max)
        [] event = "CLOSE" -> ZT3(c, max)
        [] event = "STOP" -> LT3(c, max)
        [] event = "HELLO_REPEATED" -> QT3(c, max)
        [] event = "HELLO_OLDER" -> QT5(c, max)
        [] event = "DATA_RECEIVED" -> ES2(c, max)
        [] event = "KEEPALIVE_RECEIVED" -> ES3(c, max)
        [] event = "CLOSE_RECEIVED" -> TT3(c, max)
        [] event = "CLOSE_AT_CONTACT" -> CT2(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> FT6(c, max)
        [] event = "ERROR_RECEIVED" -> FT4(c, max)
        [] event = "LOWER_LAYER_LOST" -> FT3(c, max)
        [] event = "REQUEST_EXPIRED" -> FT5(c, max)
        [] event = "IDLE_EXPIRED" -> ST1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event = "HELLO_NEWER" -> Ignored("this session answers no hello now")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only"))
  [] state = "TIMED_OUT" ->
     (CASE event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IT2(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZT4(c, max)
        [] event = "STOP" -> LT4(c, max)
        [] event = "CLOSE_AT_CONTACT" -> CT3(c, max)
        [] event = "BACK_OFF_EXPIRED" -> TT1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("the session has failed")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event \in {"HELLO_NEWER", "HELLO_REPEATED", "HELLO_OLDER"} -> Ignored("this session answers no hello now")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only"))
  [] state = "CLOSED" ->
     (CASE event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("the session is closed")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("a transient session never renegotiates")
        [] event \in {"CLOSE", "STOP"} -> Ignored("the session is closed")
        [] event \in {"HELLO_NEWER", "HELLO_REPEATED", "HELLO_OLDER"} -> Ignored("this session answers no hello now")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event \in {"CLOSE_RECEIVED", "CLOSE_AT_CONTACT"} -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only"))
==============================================================================================================

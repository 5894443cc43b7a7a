GENERATED from ockam_fsm/specification/tlc_models.py; edit the table
--------------------- MODULE CloseWithoutRouteUnsaidExplicitPersistentOneSidedInitiator ----------------------
\* close-without-route-unsaid explicit-persistent-one-sided initiator: close-without-route-unsaid: a responder
\* would be kept after its peer closed during a renegotiation
EXTENDS Table

States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "RENEGOTIATING", "CLOSED"}
Initial == "IDLE"
Final == {"CLOSED"}
Events == {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP", "ANSWER_CURRENT", "ANSWER_CHANGED",
    "ANSWER_STALE", "SUPERSEDED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED", "KEEPALIVE_ANSWERED",
    "CLOSE_RECEIVED", "GOING_AWAY_RECEIVED", "ERROR_RECEIVED", "STRAY", "LOWER_LAYER_LOST",
    "REQUEST_EXPIRED", "REISSUE", "NEGOTIATION_EXPIRED", "BACK_OFF_EXPIRED", "KEEPALIVE_DUE"}

--------------------------------------------------------------------------------------------------------------
\* explicit creation: an API call opens the session

\* IDLE, OPEN. Source: discussion: explicit; 2.2
XP1(c, max) == Row("XP1", "NEGOTIATING", [c EXCEPT !.attempts = Increment(@, max.attempts)],
    <<"START_ATTEMPT", "SEND_HELLO", "START_NEGOTIATION">>)
--------------------------------------------------------------------------------------------------------------
\* the first negotiation, started by this end

\* NEGOTIATING, ANSWER_CURRENT. Source: 4.3
NP1(c, max) == Row("NP1", "ESTABLISHED", [c EXCEPT !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "SEND_KEEPALIVE", "START_KEEPALIVE",
        "FORWARD_HELD">>)

\* NEGOTIATING, SUPERSEDED. Source: 4.2
NP2(c, max) == Row("NP2", "TIMED_OUT", c,
    <<"CATCH_UP", "STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT",
        "START_BACK_OFF">>)

\* NEGOTIATING, ERROR_RECEIVED. Source: discussion: error messages
NP3(c, max) == Row("NP3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* NEGOTIATING, GOING_AWAY_RECEIVED. Source: 3.8
NP4(c, max) == Row("NP4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* answers that this end's attempt does not wait for

\* ESTABLISHED, ANSWER_CHANGED. Source: 4.3
YO1(c, max) == Row("YO1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* established: data both ways, and answers to keepalives

\* ESTABLISHED, SEND. Source: 7.3
EP1(c, max) == Row("EP1", "ESTABLISHED", c, <<"SEND_DATA">>)

\* ESTABLISHED, DATA_RECEIVED. Source: 7.3
EP2(c, max) == Row("EP2", "ESTABLISHED", [c EXCEPT !.attempts = 0, !.misses = 0],
    <<"DELIVER", "RESET_BACK_OFF">>)

\* ESTABLISHED, KEEPALIVE_RECEIVED. Source: 4.7
EP3(c, max) == Row("EP3", "ESTABLISHED", [c EXCEPT !.attempts = 0, !.misses = 0],
    <<"ANSWER_KEEPALIVE", "RESET_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* keepalives: a bounded number of misses in a row is a failure

\* ESTABLISHED, KEEPALIVE_DUE [misses < misses limit]. Source: 4.7, 6.5
KO1(c, max) == Row("KO1", "ESTABLISHED", [c EXCEPT !.misses = Increment(@, max.misses)],
    <<"SEND_KEEPALIVE", "START_KEEPALIVE">>)

\* ESTABLISHED, KEEPALIVE_DUE [misses ≥ misses limit]. Source: 4.7, 6.5
KO2(c, max) == Row("KO2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, KEEPALIVE_ANSWERED. Source: 4.7
KO3(c, max) == Row("KO3", "ESTABLISHED", [c EXCEPT !.attempts = 0, !.misses = 0], <<"RESET_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* failures that lead to TIMED_OUT

\* NEGOTIATING, NEGOTIATION_EXPIRED. Source: 3.4, 3.9
FO1(c, max) == Row("FO1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* NEGOTIATING, LOWER_LAYER_LOST. Source: 3.11
FO2(c, max) == Row("FO2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, LOWER_LAYER_LOST. Source: 3.11
FO3(c, max) == Row("FO3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, ERROR_RECEIVED. Source: discussion: error messages
FO4(c, max) == Row("FO4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, REQUEST_EXPIRED. Source: discussion: request timeouts
FO5(c, max) == Row("FO5", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, GOING_AWAY_RECEIVED. Source: 3.8
FO6(c, max) == Row("FO6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* persistent: the peer's close ends an established session; for an attempt it is a failure

\* ESTABLISHED, CLOSE_RECEIVED. Source: 3.8
PO1(c, max) == Row("PO1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* NEGOTIATING, CLOSE_RECEIVED. Source: 3.8
PO2(c, max) == Row("PO2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* this end's own renegotiation, and the order to start one

\* RENEGOTIATING, ANSWER_CURRENT. Source: 4.3
GO1(c, max) == Row("GO1", "ESTABLISHED", [c EXCEPT !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "SEND_KEEPALIVE", "START_KEEPALIVE",
        "FORWARD_HELD">>)

\* RENEGOTIATING, SUPERSEDED. Source: 4.2
GO2(c, max) == Row("GO2", "TIMED_OUT", c,
    <<"CATCH_UP", "STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT",
        "START_BACK_OFF">>)

\* RENEGOTIATING, ERROR_RECEIVED. Source: discussion: error messages
GO3(c, max) == Row("GO3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* RENEGOTIATING, CLOSE_RECEIVED. Source: 3.8
GO4(c, max) == Row("GO4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* RENEGOTIATING, LOWER_LAYER_LOST. Source: 3.11
GO5(c, max) == Row("GO5", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, RENEGOTIATE. Source: discussion: an API call; 3.2
GO6(c, max) == Row("GO6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* RENEGOTIATING, NEGOTIATION_EXPIRED. Source: 3.4, 3.9
GO7(c, max) == Row("GO7", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* RENEGOTIATING, GOING_AWAY_RECEIVED. Source: 3.8
GO8(c, max) == Row("GO8", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* explicit persistent: the end of the back-off starts the next attempt

\* TIMED_OUT, BACK_OFF_EXPIRED [attempts < attempts limit]. Source: 3.5
BX1(c, max) == Row("BX1", "RENEGOTIATING", [c EXCEPT !.attempts = Increment(@, max.attempts)],
    <<"START_ATTEMPT", "SEND_HELLO", "START_NEGOTIATION">>)

\* TIMED_OUT, BACK_OFF_EXPIRED [attempts ≥ attempts limit]. Source: 3.4
BX2(c, max) == Row("BX2", "CLOSED", [c EXCEPT !.held = 0],
    <<"NOTE_EXHAUSTED", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* messages wait for the session, in order and within its capacity

\* TIMED_OUT, SEND [held < held limit]. Source: 7.2
HX1(c, max) == Row("HX1", "TIMED_OUT", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)
--------------------------------------------------------------------------------------------------------------
\* messages wait for the session, in order and within its capacity

\* NEGOTIATING, SEND [held < held limit]. Source: 7.2
HP1(c, max) == Row("HP1", "NEGOTIATING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)

\* RENEGOTIATING, SEND [held < held limit]. Source: 7.2
HP2(c, max) == Row("HP2", "RENEGOTIATING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)
--------------------------------------------------------------------------------------------------------------
\* a message that waits is taken back

\* NEGOTIATING, WITHDRAW [held ≥ 1]. Source: 6.7
IP1(c, max) == Row("IP1", "NEGOTIATING", [c EXCEPT !.held = Decrement(@, max.held)], <<"TAKE_BACK">>)

\* RENEGOTIATING, WITHDRAW [held ≥ 1]. Source: 6.7
IP2(c, max) == Row("IP2", "RENEGOTIATING", [c EXCEPT !.held = Decrement(@, max.held)], <<"TAKE_BACK">>)

\* TIMED_OUT, WITHDRAW [held ≥ 1]. Source: 6.7
IP3(c, max) == Row("IP3", "TIMED_OUT", [c EXCEPT !.held = Decrement(@, max.held)], <<"TAKE_BACK">>)
--------------------------------------------------------------------------------------------------------------
\* requests to be reissued wait before everything else; without room they fail

\* TIMED_OUT, REISSUE [held < held limit]. Source: 6.6, 7.4
J1(c, max) == Row("J1", "TIMED_OUT", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD_AGAIN">>)

\* TIMED_OUT, REISSUE [held ≥ held limit]. Source: 6.6
J2(c, max) == Row("J2", "TIMED_OUT", c, <<"ABANDON_REQUEST">>)
--------------------------------------------------------------------------------------------------------------
\* closing, by order of the application

\* IDLE, CLOSE. Source: 3.8
ZP1(c, max) == Row("ZP1", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* NEGOTIATING, CLOSE. Source: 3.8
ZP2(c, max) == Row("ZP2", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* ESTABLISHED, CLOSE. Source: 3.8
ZP3(c, max) == Row("ZP3", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* TIMED_OUT, CLOSE. Source: 3.8
ZP4(c, max) == Row("ZP4", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* RENEGOTIATING, CLOSE. Source: 3.8
ZP5(c, max) == Row("ZP5", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* going away: the node or the host stops; for a persistent peer the session goes on

\* IDLE, STOP. Source: 3.8
LP1(c, max) == Row("LP1", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD",
        "NOTIFY_CLOSED">>)

\* NEGOTIATING, STOP. Source: 3.8
LP2(c, max) == Row("LP2", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD",
        "NOTIFY_CLOSED">>)

\* ESTABLISHED, STOP. Source: 3.8
LP3(c, max) == Row("LP3", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD",
        "NOTIFY_CLOSED">>)

\* TIMED_OUT, STOP. Source: 3.8
LP4(c, max) == Row("LP4", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD",
        "NOTIFY_CLOSED">>)

\* RENEGOTIATING, STOP. Source: 3.8
LP5(c, max) == Row("LP5", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_GOING_AWAY", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD",
        "NOTIFY_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "IDLE" ->
     (CASE event = "OPEN" -> XP1(c, max)
        [] event = "CLOSE" -> ZP1(c, max)
        [] event = "STOP" -> LP1(c, max)
        [] event = "SEND" -> Refused("the session is not open")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "NEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HP1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP1(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP2(c, max)
        [] event = "STOP" -> LP2(c, max)
        [] event = "ANSWER_CURRENT" -> NP1(c, max)
        [] event = "SUPERSEDED" -> NP2(c, max)
        [] event = "CLOSE_RECEIVED" -> PO2(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> NP4(c, max)
        [] event = "ERROR_RECEIVED" -> NP3(c, max)
        [] event = "LOWER_LAYER_LOST" -> FO2(c, max)
        [] event = "NEGOTIATION_EXPIRED" -> FO1(c, max)
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "ESTABLISHED" ->
     (CASE event = "SEND" -> EP1(c, max)
        [] event = "RENEGOTIATE" -> GO6(c, max)
        [] event = "CLOSE" -> ZP3(c, max)
        [] event = "STOP" -> LP3(c, max)
        [] event = "ANSWER_CHANGED" -> YO1(c, max)
        [] event = "DATA_RECEIVED" -> EP2(c, max)
        [] event = "KEEPALIVE_RECEIVED" -> EP3(c, max)
        [] event = "KEEPALIVE_ANSWERED" -> KO3(c, max)
        [] event = "CLOSE_RECEIVED" -> PO1(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> FO6(c, max)
        [] event = "ERROR_RECEIVED" -> FO4(c, max)
        [] event = "LOWER_LAYER_LOST" -> FO3(c, max)
        [] event = "REQUEST_EXPIRED" -> FO5(c, max)
        [] event = "KEEPALIVE_DUE" ->
            (CASE BelowLimit(c.misses, max.misses) -> KO1(c, max)
              [] AtLimit(c.misses, max.misses) -> KO2(c, max))
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only"))
  [] state = "TIMED_OUT" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HX1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP3(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP4(c, max)
        [] event = "STOP" -> LP4(c, max)
        [] event = "REISSUE" ->
            (CASE BelowLimit(c.held, max.held) -> J1(c, max)
              [] AtLimit(c.held, max.held) -> J2(c, max))
        [] event = "BACK_OFF_EXPIRED" ->
            (CASE BelowLimit(c.attempts, max.attempts) -> BX1(c, max)
              [] AtLimit(c.attempts, max.attempts) -> BX2(c, max))
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "RENEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HP2(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP2(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP5(c, max)
        [] event = "STOP" -> LP5(c, max)
        [] event = "ANSWER_CURRENT" -> GO1(c, max)
        [] event = "SUPERSEDED" -> GO2(c, max)
        [] event = "CLOSE_RECEIVED" -> GO4(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> GO8(c, max)
        [] event = "ERROR_RECEIVED" -> GO3(c, max)
        [] event = "LOWER_LAYER_LOST" -> GO5(c, max)
        [] event = "NEGOTIATION_EXPIRED" -> GO7(c, max)
        [] event = "OPEN" -> Refused("the session is open already")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "CLOSED" ->
     (CASE event = "OPEN" -> Refused("the session is open already")
        [] event = "SEND" -> Refused("the session is closed")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event \in {"CLOSE", "STOP"} -> Ignored("the session is closed")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
==============================================================================================================

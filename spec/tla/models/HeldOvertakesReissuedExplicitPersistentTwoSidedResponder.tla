GENERATED from ockam_fsm/specification/tlc_models.py; edit the table
---------------------- MODULE HeldOvertakesReissuedExplicitPersistentTwoSidedResponder -----------------------
\* held-overtakes-reissued explicit-persistent-two-sided responder: held-overtakes-reissued: a publisher's
\* messages would be stored out of order
EXTENDS Table

States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "RENEGOTIATING", "CLOSED"}
Initial == "IDLE"
Final == {"CLOSED"}
Events == {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP", "HELLO_NEWER", "HELLO_REPEATED",
    "HELLO_OLDER", "ANSWER_CURRENT", "ANSWER_CHANGED", "ANSWER_STALE", "SUPERSEDED", "PREVIOUS_ENDED",
    "CONFIRMED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED", "KEEPALIVE_ANSWERED", "CLOSE_RECEIVED",
    "CLOSE_AT_CONTACT", "GOING_AWAY_RECEIVED", "ERROR_RECEIVED", "STRAY", "LOWER_LAYER_LOST",
    "REQUEST_EXPIRED", "REISSUE", "NEGOTIATION_EXPIRED", "BACK_OFF_EXPIRED", "KEEPALIVE_DUE"}

--------------------------------------------------------------------------------------------------------------
\* a responder is created by its host when a hello arrives

\* IDLE, HELLO_NEWER. Source: discussion: negotiation; 4.2
A1(c, max) == Row("A1", "NEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)
--------------------------------------------------------------------------------------------------------------
\* a restarted persistent responder still distinguishes old generations

\* IDLE, HELLO_OLDER. Source: 4.2
AP1(c, max) == Row("AP1", "IDLE", c, <<"SEND_SUPERSEDED">>)
--------------------------------------------------------------------------------------------------------------
\* answering a hello: the session is established by the first message of the peer in the new generation

\* NEGOTIATING, CONFIRMED. Source: 4.4
QR1(c, max) == Row("QR1", "ESTABLISHED", [c EXCEPT !.attempts = 0, !.misses = 0, !.held = 0, !.confirmed = Increment(@, max.confirmed)],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "START_KEEPALIVE", "FORWARD_HELD",
        "RESET_BACK_OFF">>)

\* NEGOTIATING, HELLO_REPEATED. Source: 4.2
QR2(c, max) == Row("QR2", "NEGOTIATING", c, <<"SEND_ANSWER">>)

\* ESTABLISHED, HELLO_REPEATED. Source: 4.2
QR3(c, max) == Row("QR3", "ESTABLISHED", c, <<"SEND_ANSWER">>)

\* NEGOTIATING, HELLO_OLDER. Source: 4.2, 4.6
QR4(c, max) == Row("QR4", "NEGOTIATING", c, <<"SEND_SUPERSEDED">>)

\* ESTABLISHED, HELLO_OLDER. Source: 4.2
QR5(c, max) == Row("QR5", "ESTABLISHED", c, <<"SEND_SUPERSEDED">>)
--------------------------------------------------------------------------------------------------------------
\* answering again: the old generation stays usable until the new one is confirmed

\* NEGOTIATING, HELLO_NEWER. Source: 4.2, 4.6
RO1(c, max) == Row("RO1", "NEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* ESTABLISHED, HELLO_NEWER. Source: 4.2, 4.4
RO2(c, max) == Row("RO2", "RENEGOTIATING", [c EXCEPT !.usable = Increment(@, max.usable)],
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* RENEGOTIATING, HELLO_NEWER. Source: 4.2, 4.6
RO3(c, max) == Row("RO3", "RENEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* RENEGOTIATING, CONFIRMED. Source: 4.4
RO4(c, max) == Row("RO4", "ESTABLISHED", [c EXCEPT !.attempts = 0, !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "START_KEEPALIVE", "FORWARD_HELD",
        "RESET_BACK_OFF">>)

\* RENEGOTIATING, HELLO_REPEATED. Source: 4.2
RO5(c, max) == Row("RO5", "RENEGOTIATING", c, <<"SEND_ANSWER">>)

\* RENEGOTIATING, HELLO_OLDER. Source: 4.2
RO6(c, max) == Row("RO6", "RENEGOTIATING", c, <<"SEND_SUPERSEDED">>)

\* TIMED_OUT, HELLO_OLDER. Source: 4.2
RO7(c, max) == Row("RO7", "TIMED_OUT", c, <<"SEND_SUPERSEDED">>)

\* RENEGOTIATING, NEGOTIATION_EXPIRED [usable ≥ 1]. Source: 4.4
RO8(c, max) == Row("RO8", "ESTABLISHED", [c EXCEPT !.usable = 0, !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "DROP_ATTEMPT", "START_KEEPALIVE", "FORWARD_HELD">>)

\* RENEGOTIATING, NEGOTIATION_EXPIRED [usable < 1]. Source: 3.9
RO9(c, max) == Row("RO9", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* while a new generation waits to be confirmed, the old one may still deliver, and may end

\* RENEGOTIATING, DATA_RECEIVED [usable ≥ 1]. Source: 4.4, 7.3
V1(c, max) == Row("V1", "RENEGOTIATING", c, <<"DELIVER">>)

\* RENEGOTIATING, KEEPALIVE_RECEIVED [usable ≥ 1]. Source: 4.4
V2(c, max) == Row("V2", "RENEGOTIATING", c, <<"ANSWER_KEEPALIVE">>)

\* RENEGOTIATING, PREVIOUS_ENDED [usable ≥ 1]. Source: 4.4
V3(c, max) == Row("V3", "RENEGOTIATING", [c EXCEPT !.usable = 0], <<"END_CURRENT", "RETIRE_REQUESTS">>)

\* RENEGOTIATING, ERROR_RECEIVED [usable ≥ 1]. Source: discussion: error messages; 4.4
V4(c, max) == Row("V4", "RENEGOTIATING", [c EXCEPT !.usable = 0], <<"END_CURRENT", "RETIRE_REQUESTS">>)

\* RENEGOTIATING, CLOSE_RECEIVED [usable ≥ 1]. Source: 3.8, 4.4
V5(c, max) == Row("V5", "RENEGOTIATING", [c EXCEPT !.usable = 0], <<"END_CURRENT", "RETIRE_REQUESTS">>)

\* RENEGOTIATING, REQUEST_EXPIRED [usable ≥ 1]. Source: discussion: request timeouts; 4.4
V6(c, max) == Row("V6", "RENEGOTIATING", [c EXCEPT !.usable = 0], <<"END_CURRENT", "RETIRE_REQUESTS">>)

\* RENEGOTIATING, GOING_AWAY_RECEIVED [usable ≥ 1]. Source: 3.8, 4.4
V7(c, max) == Row("V7", "RENEGOTIATING", [c EXCEPT !.usable = 0], <<"END_CURRENT", "RETIRE_REQUESTS">>)
--------------------------------------------------------------------------------------------------------------
\* two-sided: a hello may arrive while this end waits for its back-off, or rests

\* TIMED_OUT, HELLO_NEWER. Source: 4.2
WX1(c, max) == Row("WX1", "RENEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)
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

\* NEGOTIATING, NEGOTIATION_EXPIRED [confirmed ≥ 1]. Source: 3.4, 3.9
FR1(c, max) == Row("FR1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* NEGOTIATING, LOWER_LAYER_LOST [confirmed ≥ 1]. Source: 3.11
FR2(c, max) == Row("FR2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, LOWER_LAYER_LOST. Source: 3.11
FR3(c, max) == Row("FR3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, ERROR_RECEIVED. Source: discussion: error messages
FR4(c, max) == Row("FR4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, REQUEST_EXPIRED. Source: discussion: request timeouts
FR5(c, max) == Row("FR5", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, GOING_AWAY_RECEIVED. Source: 3.8
FR6(c, max) == Row("FR6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)
--------------------------------------------------------------------------------------------------------------
\* persistent: the peer's close ends an established session; for an attempt it is a failure

\* ESTABLISHED, CLOSE_RECEIVED. Source: 3.8
PO1(c, max) == Row("PO1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* this end's own renegotiation, and the order to start one

\* RENEGOTIATING, ANSWER_CURRENT. Source: 4.3
GB1(c, max) == Row("GB1", "ESTABLISHED", [c EXCEPT !.misses = 0, !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "SEND_KEEPALIVE", "START_KEEPALIVE",
        "FORWARD_HELD">>)

\* RENEGOTIATING, SUPERSEDED. Source: 4.2
GB2(c, max) == Row("GB2", "TIMED_OUT", c,
    <<"CATCH_UP", "STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT",
        "START_BACK_OFF">>)

\* RENEGOTIATING, ERROR_RECEIVED [usable < 1]. Source: discussion: error messages
GB3(c, max) == Row("GB3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* RENEGOTIATING, CLOSE_RECEIVED [usable < 1]. Source: 3.8
GB4(c, max) == Row("GB4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* RENEGOTIATING, LOWER_LAYER_LOST. Source: 3.11
GB5(c, max) == Row("GB5", "TIMED_OUT", [c EXCEPT !.usable = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_BACK_OFF">>)

\* ESTABLISHED, RENEGOTIATE. Source: discussion: an API call; 3.2
GB6(c, max) == Row("GB6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_ZERO_BACK_OFF">>)

\* RENEGOTIATING, GOING_AWAY_RECEIVED [usable < 1]. Source: 3.8
GB8(c, max) == Row("GB8", "TIMED_OUT", c,
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

\* RENEGOTIATING, REISSUE [held < held limit]. Source: 6.6, 7.4
J3(c, max) == Row("J3", "RENEGOTIATING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)

\* RENEGOTIATING, REISSUE [held ≥ held limit]. Source: 6.6
J4(c, max) == Row("J4", "RENEGOTIATING", c, <<"ABANDON_REQUEST">>)
--------------------------------------------------------------------------------------------------------------
\* a responder that was never confirmed, in this or an earlier incarnation, closes with its negotiation

\* NEGOTIATING, NEGOTIATION_EXPIRED [confirmed < 1]. Source: 3.9, 4.9
U1(c, max) == Row("U1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* NEGOTIATING, LOWER_LAYER_LOST [confirmed < 1]. Source: 3.9, 4.9
U2(c, max) == Row("U2", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* a peer without a messaging route closes the session along the initialization route

\* NEGOTIATING, CLOSE_AT_CONTACT. Source: 3.8
C1(c, max) == Row("C1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* ESTABLISHED, CLOSE_AT_CONTACT. Source: 3.8
C2(c, max) == Row("C2", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* TIMED_OUT, CLOSE_AT_CONTACT. Source: 3.8
C3(c, max) == Row("C3", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* RENEGOTIATING, CLOSE_AT_CONTACT. Source: 3.8
C4(c, max) == Row("C4", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
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
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* RENEGOTIATING, CLOSE. Source: 3.8
ZP5(c, max) == Row("ZP5", "CLOSED", [c EXCEPT !.held = 0],
    <<"SEND_CLOSE", "STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
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
     (CASE event = "CLOSE" -> ZP1(c, max)
        [] event = "STOP" -> LP1(c, max)
        [] event = "HELLO_NEWER" -> A1(c, max)
        [] event = "HELLO_OLDER" -> AP1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("no hello has arrived yet")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "HELLO_REPEATED" -> Ignored("this session answers no hello now")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "CLOSE_AT_CONTACT" -> Ignored("the session is over")
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
        [] event = "HELLO_NEWER" -> RO1(c, max)
        [] event = "HELLO_REPEATED" -> QR2(c, max)
        [] event = "HELLO_OLDER" -> QR4(c, max)
        [] event = "CONFIRMED" -> QR1(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C1(c, max)
        [] event = "LOWER_LAYER_LOST" ->
            (CASE c.confirmed >= 1 -> FR2(c, max)
              [] c.confirmed < 1 -> U2(c, max))
        [] event = "NEGOTIATION_EXPIRED" ->
            (CASE c.confirmed >= 1 -> FR1(c, max)
              [] c.confirmed < 1 -> U1(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("any message in the answered generation confirms it first")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "ESTABLISHED" ->
     (CASE event = "SEND" -> EP1(c, max)
        [] event = "RENEGOTIATE" -> GB6(c, max)
        [] event = "CLOSE" -> ZP3(c, max)
        [] event = "STOP" -> LP3(c, max)
        [] event = "HELLO_NEWER" -> RO2(c, max)
        [] event = "HELLO_REPEATED" -> QR3(c, max)
        [] event = "HELLO_OLDER" -> QR5(c, max)
        [] event = "ANSWER_CHANGED" -> YO1(c, max)
        [] event = "DATA_RECEIVED" -> EP2(c, max)
        [] event = "KEEPALIVE_RECEIVED" -> EP3(c, max)
        [] event = "KEEPALIVE_ANSWERED" -> KO3(c, max)
        [] event = "CLOSE_RECEIVED" -> PO1(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C2(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> FR6(c, max)
        [] event = "ERROR_RECEIVED" -> FR4(c, max)
        [] event = "LOWER_LAYER_LOST" -> FR3(c, max)
        [] event = "REQUEST_EXPIRED" -> FR5(c, max)
        [] event = "KEEPALIVE_DUE" ->
            (CASE BelowLimit(c.misses, max.misses) -> KO1(c, max)
              [] AtLimit(c.misses, max.misses) -> KO2(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
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
        [] event = "HELLO_NEWER" -> WX1(c, max)
        [] event = "HELLO_OLDER" -> RO7(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C3(c, max)
        [] event = "REISSUE" ->
            (CASE BelowLimit(c.held, max.held) -> J1(c, max)
              [] AtLimit(c.held, max.held) -> J2(c, max))
        [] event = "BACK_OFF_EXPIRED" ->
            (CASE BelowLimit(c.attempts, max.attempts) -> BX1(c, max)
              [] AtLimit(c.attempts, max.attempts) -> BX2(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "HELLO_REPEATED" -> Ignored("this session answers no hello now")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
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
        [] event = "HELLO_NEWER" -> RO3(c, max)
        [] event = "HELLO_REPEATED" -> RO5(c, max)
        [] event = "HELLO_OLDER" -> RO6(c, max)
        [] event = "ANSWER_CURRENT" -> GB1(c, max)
        [] event = "SUPERSEDED" -> GB2(c, max)
        [] event = "PREVIOUS_ENDED" ->
            (CASE c.usable >= 1 -> V3(c, max)
              [] c.usable < 1 -> Refused("no generation is usable"))
        [] event = "CONFIRMED" -> RO4(c, max)
        [] event = "DATA_RECEIVED" ->
            (CASE c.usable >= 1 -> V1(c, max)
              [] c.usable < 1 -> Ignored("no generation is usable"))
        [] event = "KEEPALIVE_RECEIVED" ->
            (CASE c.usable >= 1 -> V2(c, max)
              [] c.usable < 1 -> Ignored("no generation is usable"))
        [] event = "CLOSE_RECEIVED" ->
            (CASE c.usable >= 1 -> V5(c, max)
              [] c.usable < 1 -> GB4(c, max))
        [] event = "CLOSE_AT_CONTACT" -> C4(c, max)
        [] event = "GOING_AWAY_RECEIVED" ->
            (CASE c.usable >= 1 -> V7(c, max)
              [] c.usable < 1 -> GB8(c, max))
        [] event = "ERROR_RECEIVED" ->
            (CASE c.usable >= 1 -> V4(c, max)
              [] c.usable < 1 -> GB3(c, max))
        [] event = "LOWER_LAYER_LOST" -> GB5(c, max)
        [] event = "REQUEST_EXPIRED" ->
            (CASE c.usable >= 1 -> V6(c, max)
              [] c.usable < 1 -> Refused("no generation is usable"))
        [] event = "REISSUE" ->
            (CASE BelowLimit(c.held, max.held) -> J3(c, max)
              [] AtLimit(c.held, max.held) -> J4(c, max))
        [] event = "NEGOTIATION_EXPIRED" ->
            (CASE c.usable >= 1 -> RO8(c, max)
              [] c.usable < 1 -> RO9(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "BACK_OFF_EXPIRED" -> Refused("the back-off runs in TIMED_OUT only")
        [] event = "KEEPALIVE_DUE" -> Refused("the keepalive timer runs in ESTABLISHED only"))
  [] state = "CLOSED" ->
     (CASE event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("the session is closed")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("there is no established session to renegotiate")
        [] event \in {"CLOSE", "STOP"} -> Ignored("the session is closed")
        [] event \in {"HELLO_NEWER", "HELLO_REPEATED", "HELLO_OLDER"} -> Ignored("this session answers no hello now")
        [] event = "ANSWER_CURRENT" -> Ignored("no attempt waits for this answer")
        [] event = "ANSWER_CHANGED" -> Ignored("the generation that it answers is not established")
        [] event = "ANSWER_STALE" -> Ignored("late answer")
        [] event = "SUPERSEDED" -> Ignored("the attempt that it names is over")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "KEEPALIVE_ANSWERED" -> Ignored("no keepalive waits for it")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "CLOSE_AT_CONTACT" -> Ignored("the session is over")
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

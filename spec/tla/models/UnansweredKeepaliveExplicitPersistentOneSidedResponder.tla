GENERATED from ockam_fsm/specification/tlc_models.py; edit the table
----------------------- MODULE UnansweredKeepaliveExplicitPersistentOneSidedResponder ------------------------
\* unanswered-keepalive explicit-persistent-one-sided responder: unanswered-keepalive: a live session would be
\* considered dead
EXTENDS Table

States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "RENEGOTIATING", "CLOSED"}
Initial == "IDLE"
Final == {"CLOSED"}
Events == {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP", "HELLO_NEWER", "HELLO_REPEATED",
    "HELLO_OLDER", "PREVIOUS_ENDED", "CONFIRMED", "DATA_RECEIVED", "KEEPALIVE_RECEIVED",
    "CLOSE_RECEIVED", "CLOSE_AT_CONTACT", "GOING_AWAY_RECEIVED", "ERROR_RECEIVED", "STRAY",
    "LOWER_LAYER_LOST", "REQUEST_EXPIRED", "REISSUE", "NEGOTIATION_EXPIRED", "IDLE_EXPIRED",
    "RETENTION_EXPIRED"}

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
QW1(c, max) == Row("QW1", "ESTABLISHED", [c EXCEPT !.held = 0, !.confirmed = Increment(@, max.confirmed)],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "START_IDLE", "FORWARD_HELD">>)

\* NEGOTIATING, HELLO_REPEATED. Source: 4.2
QW2(c, max) == Row("QW2", "NEGOTIATING", c, <<"SEND_ANSWER">>)

\* ESTABLISHED, HELLO_REPEATED. Source: 4.2
QW3(c, max) == Row("QW3", "ESTABLISHED", c, <<"SEND_ANSWER">>)

\* NEGOTIATING, HELLO_OLDER. Source: 4.2, 4.6
QW4(c, max) == Row("QW4", "NEGOTIATING", c, <<"SEND_SUPERSEDED">>)

\* ESTABLISHED, HELLO_OLDER. Source: 4.2
QW5(c, max) == Row("QW5", "ESTABLISHED", c, <<"SEND_SUPERSEDED">>)
--------------------------------------------------------------------------------------------------------------
\* answering again: the old generation stays usable until the new one is confirmed

\* NEGOTIATING, HELLO_NEWER. Source: 4.2, 4.6
RW1(c, max) == Row("RW1", "NEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* ESTABLISHED, HELLO_NEWER. Source: 4.2, 4.4
RW2(c, max) == Row("RW2", "RENEGOTIATING", [c EXCEPT !.usable = Increment(@, max.usable)],
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* RENEGOTIATING, HELLO_NEWER. Source: 4.2, 4.6
RW3(c, max) == Row("RW3", "RENEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* RENEGOTIATING, CONFIRMED. Source: 4.4
RW4(c, max) == Row("RW4", "ESTABLISHED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "ADOPT_LINK", "NOTIFY_ESTABLISHED", "START_IDLE", "FORWARD_HELD">>)

\* RENEGOTIATING, HELLO_REPEATED. Source: 4.2
RW5(c, max) == Row("RW5", "RENEGOTIATING", c, <<"SEND_ANSWER">>)

\* RENEGOTIATING, HELLO_OLDER. Source: 4.2
RW6(c, max) == Row("RW6", "RENEGOTIATING", c, <<"SEND_SUPERSEDED">>)

\* TIMED_OUT, HELLO_OLDER. Source: 4.2
RW7(c, max) == Row("RW7", "TIMED_OUT", c, <<"SEND_SUPERSEDED">>)

\* RENEGOTIATING, NEGOTIATION_EXPIRED [usable ≥ 1]. Source: 4.4
RW8(c, max) == Row("RW8", "ESTABLISHED", [c EXCEPT !.usable = 0, !.held = 0],
    <<"STOP_TIMERS", "DROP_ATTEMPT", "START_IDLE", "FORWARD_HELD">>)

\* RENEGOTIATING, NEGOTIATION_EXPIRED [usable < 1]. Source: 3.9
RW9(c, max) == Row("RW9", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)
--------------------------------------------------------------------------------------------------------------
\* while a new generation waits to be confirmed, the old one may still deliver, and may end

\* RENEGOTIATING, DATA_RECEIVED [usable ≥ 1]. Source: 4.4, 7.3
V1(c, max) == Row("V1", "RENEGOTIATING", c, <<"DELIVER">>)

\* RENEGOTIATING, KEEPALIVE_RECEIVED [usable ≥ 1]. Source: 4.4
V2(c, max) == Row("V2", "RENEGOTIATING", c, <<>>)

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
\* a one-sided responder keeps its state for a while and waits for a hello

\* TIMED_OUT, HELLO_NEWER. Source: 3.6, 4.2
DW1(c, max) == Row("DW1", "RENEGOTIATING", c,
    <<"STOP_TIMERS", "ACCEPT_ATTEMPT", "SEND_ANSWER", "START_NEGOTIATION">>)

\* TIMED_OUT, RETENTION_EXPIRED. Source: 3.6
DW2(c, max) == Row("DW2", "CLOSED", [c EXCEPT !.held = 0],
    <<"FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)

\* RENEGOTIATING, LOWER_LAYER_LOST. Source: 3.11
DW3(c, max) == Row("DW3", "TIMED_OUT", [c EXCEPT !.usable = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)
--------------------------------------------------------------------------------------------------------------
\* established: data both ways, and answers to keepalives

\* ESTABLISHED, SEND. Source: 7.3
ES1(c, max) == Row("ES1", "ESTABLISHED", c, <<"SEND_DATA">>)

\* ESTABLISHED, DATA_RECEIVED. Source: 7.3
ES2(c, max) == Row("ES2", "ESTABLISHED", c, <<"DELIVER", "START_IDLE">>)

\* ESTABLISHED, KEEPALIVE_RECEIVED. Source: 4.7
ES3(c, max) == Row("ES3", "ESTABLISHED", c, <<"START_IDLE">>)
--------------------------------------------------------------------------------------------------------------
\* a responder that receives nothing for too long treats its peer as gone

\* ESTABLISHED, IDLE_EXPIRED. Source: 3.7
SW1(c, max) == Row("SW1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)
--------------------------------------------------------------------------------------------------------------
\* failures that lead to TIMED_OUT

\* NEGOTIATING, NEGOTIATION_EXPIRED [confirmed ≥ 1]. Source: 3.4, 3.9
FW1(c, max) == Row("FW1", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)

\* NEGOTIATING, LOWER_LAYER_LOST [confirmed ≥ 1]. Source: 3.11
FW2(c, max) == Row("FW2", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)

\* ESTABLISHED, LOWER_LAYER_LOST. Source: 3.11
FW3(c, max) == Row("FW3", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)

\* ESTABLISHED, ERROR_RECEIVED. Source: discussion: error messages
FW4(c, max) == Row("FW4", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)

\* ESTABLISHED, REQUEST_EXPIRED. Source: discussion: request timeouts
FW5(c, max) == Row("FW5", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)

\* ESTABLISHED, GOING_AWAY_RECEIVED. Source: 3.8
FW6(c, max) == Row("FW6", "TIMED_OUT", c,
    <<"STOP_TIMERS", "FORGET_ROUTE", "RETIRE_REQUESTS", "NOTIFY_TIMED_OUT", "START_RETENTION">>)
--------------------------------------------------------------------------------------------------------------
\* persistent: the peer's close ends an established session; for an attempt it is a failure

\* ESTABLISHED, CLOSE_RECEIVED. Source: 3.8
PW1(c, max) == Row("PW1", "CLOSED", [c EXCEPT !.held = 0],
    <<"STOP_TIMERS", "FORGET_ROUTE", "FAIL_REQUESTS", "DISCARD_HELD", "NOTIFY_CLOSED">>)
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
J3(c, max) == Row("J3", "RENEGOTIATING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD_AGAIN">>)

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
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event = "HELLO_REPEATED" -> Ignored("this session answers no hello now")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "CLOSE_AT_CONTACT" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only")
        [] event = "RETENTION_EXPIRED" -> Refused("the retention timer runs in TIMED_OUT only"))
  [] state = "NEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HP1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP1(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP2(c, max)
        [] event = "STOP" -> LP2(c, max)
        [] event = "HELLO_NEWER" -> RW1(c, max)
        [] event = "HELLO_REPEATED" -> QW2(c, max)
        [] event = "HELLO_OLDER" -> QW4(c, max)
        [] event = "CONFIRMED" -> QW1(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C1(c, max)
        [] event = "LOWER_LAYER_LOST" ->
            (CASE c.confirmed >= 1 -> FW2(c, max)
              [] c.confirmed < 1 -> U2(c, max))
        [] event = "NEGOTIATION_EXPIRED" ->
            (CASE c.confirmed >= 1 -> FW1(c, max)
              [] c.confirmed < 1 -> U1(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("any message in the answered generation confirms it first")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only")
        [] event = "RETENTION_EXPIRED" -> Refused("the retention timer runs in TIMED_OUT only"))
  [] state = "ESTABLISHED" ->
     (CASE event = "SEND" -> ES1(c, max)
        [] event = "CLOSE" -> ZP3(c, max)
        [] event = "STOP" -> LP3(c, max)
        [] event = "HELLO_NEWER" -> RW2(c, max)
        [] event = "HELLO_REPEATED" -> QW3(c, max)
        [] event = "HELLO_OLDER" -> QW5(c, max)
        [] event = "DATA_RECEIVED" -> ES2(c, max)
        [] event = "KEEPALIVE_RECEIVED" -> ES3(c, max)
        [] event = "CLOSE_RECEIVED" -> PW1(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C2(c, max)
        [] event = "GOING_AWAY_RECEIVED" -> FW6(c, max)
        [] event = "ERROR_RECEIVED" -> FW4(c, max)
        [] event = "LOWER_LAYER_LOST" -> FW3(c, max)
        [] event = "REQUEST_EXPIRED" -> FW5(c, max)
        [] event = "IDLE_EXPIRED" -> SW1(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "RETENTION_EXPIRED" -> Refused("the retention timer runs in TIMED_OUT only"))
  [] state = "TIMED_OUT" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HX1(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP3(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP4(c, max)
        [] event = "STOP" -> LP4(c, max)
        [] event = "HELLO_NEWER" -> DW1(c, max)
        [] event = "HELLO_OLDER" -> RW7(c, max)
        [] event = "CLOSE_AT_CONTACT" -> C3(c, max)
        [] event = "REISSUE" ->
            (CASE BelowLimit(c.held, max.held) -> J1(c, max)
              [] AtLimit(c.held, max.held) -> J2(c, max))
        [] event = "RETENTION_EXPIRED" -> DW2(c, max)
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event = "HELLO_REPEATED" -> Ignored("this session answers no hello now")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only"))
  [] state = "RENEGOTIATING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.held, max.held) -> HP2(c, max)
              [] AtLimit(c.held, max.held) -> Refused("the session is not established and can hold no more messages"))
        [] event = "WITHDRAW" ->
            (CASE c.held >= 1 -> IP2(c, max)
              [] c.held < 1 -> Refused("no message waits here"))
        [] event = "CLOSE" -> ZP5(c, max)
        [] event = "STOP" -> LP5(c, max)
        [] event = "HELLO_NEWER" -> RW3(c, max)
        [] event = "HELLO_REPEATED" -> RW5(c, max)
        [] event = "HELLO_OLDER" -> RW6(c, max)
        [] event = "PREVIOUS_ENDED" ->
            (CASE c.usable >= 1 -> V3(c, max)
              [] c.usable < 1 -> Refused("no generation is usable"))
        [] event = "CONFIRMED" -> RW4(c, max)
        [] event = "DATA_RECEIVED" ->
            (CASE c.usable >= 1 -> V1(c, max)
              [] c.usable < 1 -> Ignored("no generation is usable"))
        [] event = "KEEPALIVE_RECEIVED" ->
            (CASE c.usable >= 1 -> V2(c, max)
              [] c.usable < 1 -> Ignored("no generation is usable"))
        [] event = "CLOSE_RECEIVED" ->
            (CASE c.usable >= 1 -> V5(c, max)
              [] c.usable < 1 -> Ignored("the generation that it closes is over"))
        [] event = "CLOSE_AT_CONTACT" -> C4(c, max)
        [] event = "GOING_AWAY_RECEIVED" ->
            (CASE c.usable >= 1 -> V7(c, max)
              [] c.usable < 1 -> Ignored("the generation that it concerns is over"))
        [] event = "ERROR_RECEIVED" ->
            (CASE c.usable >= 1 -> V4(c, max)
              [] c.usable < 1 -> Ignored("no generation is usable"))
        [] event = "LOWER_LAYER_LOST" -> DW3(c, max)
        [] event = "REQUEST_EXPIRED" ->
            (CASE c.usable >= 1 -> V6(c, max)
              [] c.usable < 1 -> Refused("no generation is usable"))
        [] event = "REISSUE" ->
            (CASE BelowLimit(c.held, max.held) -> J3(c, max)
              [] AtLimit(c.held, max.held) -> J4(c, max))
        [] event = "NEGOTIATION_EXPIRED" ->
            (CASE c.usable >= 1 -> RW8(c, max)
              [] c.usable < 1 -> RW9(c, max))
        [] event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only")
        [] event = "RETENTION_EXPIRED" -> Refused("the retention timer runs in TIMED_OUT only"))
  [] state = "CLOSED" ->
     (CASE event = "OPEN" -> Refused("a responder waits for a hello")
        [] event = "SEND" -> Refused("the session is closed")
        [] event = "WITHDRAW" -> Refused("no message waits here")
        [] event = "RENEGOTIATE" -> Refused("only the initiator of a one-sided session renegotiates")
        [] event \in {"CLOSE", "STOP"} -> Ignored("the session is closed")
        [] event \in {"HELLO_NEWER", "HELLO_REPEATED", "HELLO_OLDER"} -> Ignored("this session answers no hello now")
        [] event = "PREVIOUS_ENDED" -> Refused("no generation is usable")
        [] event = "CONFIRMED" -> Ignored("no answer waits to be confirmed")
        [] event \in {"DATA_RECEIVED", "KEEPALIVE_RECEIVED"} -> Ignored("no session is established")
        [] event = "CLOSE_RECEIVED" -> Ignored("the generation that it closes is over")
        [] event = "CLOSE_AT_CONTACT" -> Ignored("the session is over")
        [] event = "GOING_AWAY_RECEIVED" -> Ignored("the generation that it concerns is over")
        [] event = "ERROR_RECEIVED" -> Ignored("the attempt or generation that it concerns is over")
        [] event = "STRAY" -> Ignored("it belongs to no generation, address or request of this session")
        [] event = "LOWER_LAYER_LOST" -> Ignored("no route leads over it now")
        [] event = "REQUEST_EXPIRED" -> Refused("no request is pending")
        [] event = "REISSUE" -> Refused("a request is reissued after a failure only")
        [] event = "NEGOTIATION_EXPIRED" -> Refused("the negotiation timer runs during negotiations only")
        [] event = "IDLE_EXPIRED" -> Refused("the idle timer runs in ESTABLISHED only")
        [] event = "RETENTION_EXPIRED" -> Refused("the retention timer runs in TIMED_OUT only"))
==============================================================================================================

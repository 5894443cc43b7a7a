GENERATED from ockam_fsm/machines/publisher.py; edit the table
------------------------------------------- MODULE StreamPublisher -------------------------------------------
\* stream publisher: The publisher of a stream: it keeps every message until the stream worker has confirmed
\* that it is stored
EXTENDS Table

States == {"PUBLISHING", "CLOSED"}
Initial == "PUBLISHING"
Final == {"CLOSED"}
Events == {"PUBLISH", "CONFIRMED", "CONFIRMED_BEFORE", "REJECTED", "RETRY_DUE", "STATE_LOST", "SESSION_CLOSED",
    "CLOSE"}

--------------------------------------------------------------------------------------------------------------
\* keep, send, and drop confirmed messages

\* PUBLISHING, PUBLISH [unconfirmed < unconfirmed limit]. Source: discussion: reliable delivery; 12.2
PB1(c, max) == Row("PB1", "PUBLISHING", [c EXCEPT !.unconfirmed = Increment(@, max.unconfirmed)],
    <<"KEEP", "SEND_PUSH">>)

\* PUBLISHING, CONFIRMED. Source: 12.3
PB2(c, max) == Row("PB2", "PUBLISHING", [c EXCEPT !.unconfirmed = Decrement(@, max.unconfirmed)], <<"SETTLE">>)

\* PUBLISHING, REJECTED. Source: 12.2
PB3(c, max) == Row("PB3", "PUBLISHING", c, <<"START_RETRY">>)

\* PUBLISHING, RETRY_DUE. Source: 12.2
PB4(c, max) == Row("PB4", "PUBLISHING", c, <<"SEND_AGAIN">>)
--------------------------------------------------------------------------------------------------------------
\* a new identity, and the end

\* PUBLISHING, STATE_LOST. Source: 12.4
PB5(c, max) == Row("PB5", "PUBLISHING", c,
    <<"STOP_RETRY", "RENEW_IDENTITY", "SEND_AGAIN", "REPORT_STATE_LOST">>)

\* PUBLISHING, SESSION_CLOSED. Source: 12.2
PB6(c, max) == Row("PB6", "CLOSED", c, <<"STOP_RETRY", "REPORT_CLOSED">>)

\* PUBLISHING, CLOSE. Source: 12.2
PB7(c, max) == Row("PB7", "CLOSED", c, <<"STOP_RETRY", "CLOSE_SESSION", "REPORT_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "PUBLISHING" ->
     (CASE event = "PUBLISH" ->
            (CASE BelowLimit(c.unconfirmed, max.unconfirmed) -> PB1(c, max)
              [] AtLimit(c.unconfirmed, max.unconfirmed) -> Refused("the window is full"))
        [] event = "CONFIRMED" -> PB2(c, max)
        [] event = "REJECTED" -> PB3(c, max)
        [] event = "RETRY_DUE" -> PB4(c, max)
        [] event = "STATE_LOST" -> PB5(c, max)
        [] event = "SESSION_CLOSED" -> PB6(c, max)
        [] event = "CLOSE" -> PB7(c, max)
        [] event = "CONFIRMED_BEFORE" -> Ignored("it is confirmed already"))
  [] state = "CLOSED" ->
     (CASE event = "PUBLISH" -> Refused("the publisher is closed")
        [] event \in {"CONFIRMED", "REJECTED", "RETRY_DUE", "STATE_LOST", "SESSION_CLOSED", "CLOSE"} -> Ignored("the publisher is closed")
        [] event = "CONFIRMED_BEFORE" -> Ignored("it is confirmed already"))
==============================================================================================================

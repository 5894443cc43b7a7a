GENERATED from ockam_fsm/machines/pipe_sender.py; edit the table
--------------------------------------------- MODULE PipeSender ----------------------------------------------
\* pipe sender: The sender of a confirming pipe: it keeps every message until the receiver has confirmed it
EXTENDS Table

States == {"AT_REST", "WAITING", "CLOSED"}
Initial == "AT_REST"
Final == {"CLOSED"}
Events == {"SEND", "CONFIRMED", "CONFIRMED_BEFORE", "NEVER_SENT", "RESEND_DUE", "GIVEN_UP", "CLOSE"}

--------------------------------------------------------------------------------------------------------------
\* keep, send, and drop confirmed messages

\* AT_REST, SEND. Source: 17.3
PS1(c, max) == Row("PS1", "WAITING", [c EXCEPT !.kept = Increment(@, max.kept)],
    <<"KEEP", "SEND_DUE", "START_RESEND">>)

\* WAITING, SEND [kept < kept limit]. Source: 17.3
PS2(c, max) == Row("PS2", "WAITING", [c EXCEPT !.kept = Increment(@, max.kept)], <<"KEEP", "SEND_DUE">>)

\* WAITING, CONFIRMED [kept ≥ 2]. Source: 17.3, 17.4
PS3(c, max) == Row("PS3", "WAITING", [c EXCEPT !.kept = Decrement(@, max.kept)],
    <<"SETTLE", "SEND_DUE", "START_RESEND">>)

\* WAITING, CONFIRMED [kept < 2]. Source: 17.3, 17.4
PS4(c, max) == Row("PS4", "AT_REST", [c EXCEPT !.kept = Decrement(@, max.kept)], <<"SETTLE", "STOP_RESEND">>)
--------------------------------------------------------------------------------------------------------------
\* send again

\* WAITING, RESEND_DUE. Source: 17.4
PS5(c, max) == Row("PS5", "WAITING", c, <<"SEND_AGAIN", "PROLONG_RESEND">>)
--------------------------------------------------------------------------------------------------------------
\* give up, and end

\* WAITING, GIVEN_UP [kept ≥ 2]. Source: 17.3
PS6(c, max) == Row("PS6", "WAITING", [c EXCEPT !.kept = Decrement(@, max.kept)], <<"LOSE", "SEND_DUE">>)

\* WAITING, GIVEN_UP [kept < 2]. Source: 17.3
PS7(c, max) == Row("PS7", "AT_REST", [c EXCEPT !.kept = Decrement(@, max.kept)], <<"LOSE", "STOP_RESEND">>)

\* AT_REST, CLOSE. Source: 17.3
PS8(c, max) == Row("PS8", "CLOSED", c, <<"REPORT_CLOSED">>)

\* WAITING, CLOSE. Source: 17.3
PS9(c, max) == Row("PS9", "CLOSED", c, <<"STOP_RESEND", "REPORT_CLOSED">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "AT_REST" ->
     (CASE event = "SEND" -> PS1(c, max)
        [] event = "CLOSE" -> PS8(c, max)
        [] event \in {"CONFIRMED", "RESEND_DUE", "GIVEN_UP"} -> Ignored("no message waits to be confirmed")
        [] event = "CONFIRMED_BEFORE" -> Ignored("it is confirmed already")
        [] event = "NEVER_SENT" -> Ignored("no message was sent under this number"))
  [] state = "WAITING" ->
     (CASE event = "SEND" ->
            (CASE BelowLimit(c.kept, max.kept) -> PS2(c, max)
              [] AtLimit(c.kept, max.kept) -> Refused("too many messages wait to be confirmed"))
        [] event = "CONFIRMED" ->
            (CASE c.kept >= 2 -> PS3(c, max)
              [] c.kept < 2 -> PS4(c, max))
        [] event = "RESEND_DUE" -> PS5(c, max)
        [] event = "GIVEN_UP" ->
            (CASE c.kept >= 2 -> PS6(c, max)
              [] c.kept < 2 -> PS7(c, max))
        [] event = "CLOSE" -> PS9(c, max)
        [] event = "CONFIRMED_BEFORE" -> Ignored("it is confirmed already")
        [] event = "NEVER_SENT" -> Ignored("no message was sent under this number"))
  [] state = "CLOSED" ->
     (CASE event = "SEND" -> Refused("the sender is closed")
        [] event \in {"CONFIRMED", "RESEND_DUE", "GIVEN_UP", "CLOSE"} -> Ignored("the sender is closed")
        [] event = "CONFIRMED_BEFORE" -> Ignored("it is confirmed already")
        [] event = "NEVER_SENT" -> Ignored("no message was sent under this number"))
==============================================================================================================

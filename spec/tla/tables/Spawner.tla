GENERATED from ockam_fsm/machines/spawner.py; edit the table
----------------------------------------------- MODULE Spawner -----------------------------------------------
\* spawner: The host of responders, which receives hellos at the address of a spawner or a static responder
EXTENDS Table

States == {"LISTENING", "STOPPED"}
Initial == "LISTENING"
Final == {"STOPPED"}
Events == {"HELLO_FOR_KNOWN", "HELLO_FOR_UNKNOWN", "CLOSE_FOR_KNOWN", "RESPONDER_CLOSED", "STOP"}

--------------------------------------------------------------------------------------------------------------
\* find or make the responder

\* LISTENING, HELLO_FOR_KNOWN. Source: 2.3
SP1(c, max) == Row("SP1", "LISTENING", c, <<"PASS_ON">>)

\* LISTENING, HELLO_FOR_UNKNOWN [responders < responders limit]. Source: discussion: negotiation; 2.3
SP2(c, max) == Row("SP2", "LISTENING", [c EXCEPT !.responders = Increment(@, max.responders)],
    <<"SPAWN", "PASS_ON">>)

\* LISTENING, RESPONDER_CLOSED. Source: 2.3
SP3(c, max) == Row("SP3", "LISTENING", [c EXCEPT !.responders = Decrement(@, max.responders)],
    <<"FORGET_RESPONDER">>)

\* LISTENING, CLOSE_FOR_KNOWN. Source: 3.8
SP5(c, max) == Row("SP5", "LISTENING", c, <<"PASS_ON">>)

\* LISTENING, STOP. Source: 3.8
SP4(c, max) == Row("SP4", "STOPPED", c, <<"STOP_RESPONDERS">>)

\* LISTENING, HELLO_FOR_UNKNOWN [responders ≥ responders limit]. Source: 4.9
SP6(c, max) == Row("SP6", "LISTENING", c, <<"SAY_FULL">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "LISTENING" ->
     (CASE event = "HELLO_FOR_KNOWN" -> SP1(c, max)
        [] event = "HELLO_FOR_UNKNOWN" ->
            (CASE BelowLimit(c.responders, max.responders) -> SP2(c, max)
              [] AtLimit(c.responders, max.responders) -> SP6(c, max))
        [] event = "CLOSE_FOR_KNOWN" -> SP5(c, max)
        [] event = "RESPONDER_CLOSED" -> SP3(c, max)
        [] event = "STOP" -> SP4(c, max))
  [] state = "STOPPED" ->
     (CASE event \in {"HELLO_FOR_KNOWN", "HELLO_FOR_UNKNOWN", "CLOSE_FOR_KNOWN", "RESPONDER_CLOSED",
              "STOP"} -> Ignored("the host has stopped"))
==============================================================================================================

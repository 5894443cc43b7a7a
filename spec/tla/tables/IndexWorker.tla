GENERATED from ockam_fsm/machines/stream_index.py; edit the table
--------------------------------------------- MODULE IndexWorker ---------------------------------------------
\* index worker: The index worker: it keeps, for each group of consumers and each stream, the index at which
\* the group continues
EXTENDS Table

States == {"SERVING", "STOPPED"}
Initial == "SERVING"
Final == {"STOPPED"}
Events == {"SAVE_AHEAD", "SAVE_BEHIND", "GET", "STOP"}

--------------------------------------------------------------------------------------------------------------
\* keep the greatest index, and send it on request

\* SERVING, SAVE_AHEAD. Source: 12.8
IX1(c, max) == Row("IX1", "SERVING", c, <<"KEEP_INDEX">>)

\* SERVING, GET. Source: 12.8
IX2(c, max) == Row("IX2", "SERVING", c, <<"TELL_INDEX">>)

\* SERVING, STOP. Source: 12.8
IX3(c, max) == Row("IX3", "STOPPED", c, <<>>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "SERVING" ->
     (CASE event = "SAVE_AHEAD" -> IX1(c, max)
        [] event = "GET" -> IX2(c, max)
        [] event = "STOP" -> IX3(c, max)
        [] event = "SAVE_BEHIND" -> Ignored("a later index is saved"))
  [] state = "STOPPED" ->
     (CASE event \in {"SAVE_AHEAD", "SAVE_BEHIND", "GET", "STOP"} -> Ignored("the index worker has stopped"))
==============================================================================================================

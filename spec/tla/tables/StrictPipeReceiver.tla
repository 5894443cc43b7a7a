GENERATED from ockam_fsm/machines/pipe_ordering.py; edit the table
----------------------------------------- MODULE StrictPipeReceiver ------------------------------------------
\* strict pipe receiver: The receiver of an index pipe: it forwards messages in the order of their indexes, as
\* its ordering allows
EXTENDS Table

States == {"RECEIVING"}
Initial == "RECEIVING"
Final == {}
Events == {"INDEX_NEXT", "INDEX_AHEAD", "INDEX_REPEATED", "INDEX_BEHIND"}

--------------------------------------------------------------------------------------------------------------
\* never go back

\* RECEIVING, INDEX_NEXT. Source: 17.6
PG1(c, max) == Row("PG1", "RECEIVING", c, <<"FORWARD">>)
--------------------------------------------------------------------------------------------------------------
\* leave out missing messages

\* RECEIVING, INDEX_AHEAD. Source: 17.6
PL1(c, max) == Row("PL1", "RECEIVING", c, <<"FORWARD">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "RECEIVING" ->
     (CASE event = "INDEX_NEXT" -> PG1(c, max)
        [] event = "INDEX_AHEAD" -> PL1(c, max)
        [] event = "INDEX_REPEATED" -> Ignored("it was forwarded already")
        [] event = "INDEX_BEHIND" -> Ignored("a later message was forwarded already"))
==============================================================================================================

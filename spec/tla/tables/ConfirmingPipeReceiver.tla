GENERATED from ockam_fsm/machines/pipe_receiver.py; edit the table
--------------------------------------- MODULE ConfirmingPipeReceiver ----------------------------------------
\* confirming pipe receiver: The receiver of a confirming pipe: it forwards a message, then confirms it
EXTENDS Table

States == {"RECEIVING"}
Initial == "RECEIVING"
Final == {}
Events == {"MESSAGE_RECEIVED"}

--------------------------------------------------------------------------------------------------------------
\* forward, then confirm

\* RECEIVING, MESSAGE_RECEIVED. Source: 17.5
PR1(c, max) == Row("PR1", "RECEIVING", c, <<"FORWARD", "CONFIRM">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "RECEIVING" ->
     (CASE event = "MESSAGE_RECEIVED" -> PR1(c, max))
==============================================================================================================

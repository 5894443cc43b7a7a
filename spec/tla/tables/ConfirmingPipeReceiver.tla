GENERATED from ockam_fsm/machines/pipe_receiver.py; edit the table
--------------------------------------- MODULE ConfirmingPipeReceiver ----------------------------------------
\* confirming pipe receiver: The receiver of a pipe that confirms: it routes a message on, and confirms it
\* then
EXTENDS Table

States == {"RECEIVING"}
Initial == "RECEIVING"
Final == {}
Events == {"MESSAGE_RECEIVED"}

--------------------------------------------------------------------------------------------------------------
\* route on, then confirm

\* RECEIVING, MESSAGE_RECEIVED. Source: 17.5
PR1(c, max) == Row("PR1", "RECEIVING", c, <<"FORWARD", "CONFIRM">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "RECEIVING" ->
     (CASE event = "MESSAGE_RECEIVED" -> PR1(c, max))
==============================================================================================================

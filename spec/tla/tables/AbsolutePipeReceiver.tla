GENERATED from ockam_fsm/machines/pipe_ordering.py; edit the table
---------------------------------------- MODULE AbsolutePipeReceiver -----------------------------------------
\* absolute pipe receiver: The receiver of an index pipe: it forwards messages in the order of their indexes,
\* as its ordering allows
EXTENDS Table

States == {"RECEIVING"}
Initial == "RECEIVING"
Final == {}
Events == {"INDEX_NEXT", "INDEX_AHEAD", "INDEX_REPEATED", "INDEX_BEHIND", "INDEX_HELD", "TURN_CAME", "GIVEN_UP"}

--------------------------------------------------------------------------------------------------------------
\* never go back

\* RECEIVING, INDEX_NEXT. Source: 17.6
PG1(c, max) == Row("PG1", "RECEIVING", c, <<"FORWARD">>)
--------------------------------------------------------------------------------------------------------------
\* wait for missing messages

\* RECEIVING, INDEX_AHEAD [held < held limit]. Source: 17.7
PH1(c, max) == Row("PH1", "RECEIVING", [c EXCEPT !.held = Increment(@, max.held)], <<"HOLD">>)

\* RECEIVING, TURN_CAME. Source: 17.7
PH2(c, max) == Row("PH2", "RECEIVING", [c EXCEPT !.held = Decrement(@, max.held)], <<"FORWARD_HELD">>)

\* RECEIVING, GIVEN_UP. Source: 17.7
PH3(c, max) == Row("PH3", "RECEIVING", [c EXCEPT !.held = Decrement(@, max.held)], <<"LOSE">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "RECEIVING" ->
     (CASE event = "INDEX_NEXT" -> PG1(c, max)
        [] event = "INDEX_AHEAD" ->
            (CASE BelowLimit(c.held, max.held) -> PH1(c, max)
              [] AtLimit(c.held, max.held) -> Ignored("too many messages wait for their turn"))
        [] event = "TURN_CAME" -> PH2(c, max)
        [] event = "GIVEN_UP" -> PH3(c, max)
        [] event = "INDEX_REPEATED" -> Ignored("it was forwarded already")
        [] event = "INDEX_BEHIND" -> Ignored("a later message was forwarded already")
        [] event = "INDEX_HELD" -> Ignored("it waits for its turn already"))
==============================================================================================================

GENERATED from ockam_fsm/machines/request.py; edit the table
----------------------------------------- MODULE SynchronousRequest ------------------------------------------
\* synchronous request: The synchronous request: a message whose sender expects a response
EXTENDS Table

States == {"READY", "PENDING", "RESPONDED", "FAILED", "EXPIRED", "WITHDRAWN"}
Initial == "READY"
Final == {"RESPONDED", "FAILED", "EXPIRED", "WITHDRAWN"}
Events == {"SENT", "RESPONSE_RECEIVED", "REQUEST_EXPIRED", "ABANDONED", "REISSUED", "WITHDRAW"}

--------------------------------------------------------------------------------------------------------------
\* sent, followed by exactly one outcome, unless the caller takes it back

\* READY, SENT. Source: discussion: synchronous requests
RQ1(c, max) == Row("RQ1", "PENDING", c, <<"START_REQUEST">>)

\* PENDING, RESPONSE_RECEIVED. Source: discussion: synchronous requests
RQ2(c, max) == Row("RQ2", "RESPONDED", c, <<"STOP_REQUEST", "REPORT_RESPONSE">>)

\* PENDING, REQUEST_EXPIRED. Source: discussion: synchronous requests
RQ3(c, max) == Row("RQ3", "EXPIRED", c, <<"REPORT_TIMEOUT">>)

\* PENDING, ABANDONED. Source: 6.6
RQ4(c, max) == Row("RQ4", "FAILED", c, <<"STOP_REQUEST", "REPORT_FAILURE">>)

\* PENDING, REISSUED. Source: 6.6
RQ5(c, max) == Row("RQ5", "READY", c, <<"STOP_REQUEST">>)

\* READY, ABANDONED. Source: 6.6
RQ6(c, max) == Row("RQ6", "FAILED", c, <<"REPORT_FAILURE">>)

\* READY, WITHDRAW. Source: 6.7
RQ7(c, max) == Row("RQ7", "WITHDRAWN", c, <<>>)

\* PENDING, WITHDRAW. Source: 6.7
RQ8(c, max) == Row("RQ8", "WITHDRAWN", c, <<"STOP_REQUEST">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "READY" ->
     (CASE event = "SENT" -> RQ1(c, max)
        [] event = "ABANDONED" -> RQ6(c, max)
        [] event = "WITHDRAW" -> RQ7(c, max)
        [] event = "RESPONSE_RECEIVED" -> Ignored("late response")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in PENDING only")
        [] event = "REISSUED" -> Ignored("the request is not pending"))
  [] state = "PENDING" ->
     (CASE event = "RESPONSE_RECEIVED" -> RQ2(c, max)
        [] event = "REQUEST_EXPIRED" -> RQ3(c, max)
        [] event = "ABANDONED" -> RQ4(c, max)
        [] event = "REISSUED" -> RQ5(c, max)
        [] event = "WITHDRAW" -> RQ8(c, max)
        [] event = "SENT" -> Refused("a request is sent once in each generation"))
  [] state = "RESPONDED" ->
     (CASE event = "SENT" -> Refused("a request is sent once in each generation")
        [] event = "RESPONSE_RECEIVED" -> Ignored("late response")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in PENDING only")
        [] event = "ABANDONED" -> Ignored("the outcome is reported already")
        [] event = "REISSUED" -> Ignored("the request is not pending")
        [] event = "WITHDRAW" -> Ignored("the request is over"))
  [] state = "FAILED" ->
     (CASE event = "SENT" -> Refused("a request is sent once in each generation")
        [] event = "RESPONSE_RECEIVED" -> Ignored("late response")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in PENDING only")
        [] event = "ABANDONED" -> Ignored("the outcome is reported already")
        [] event = "REISSUED" -> Ignored("the request is not pending")
        [] event = "WITHDRAW" -> Ignored("the request is over"))
  [] state = "EXPIRED" ->
     (CASE event = "SENT" -> Refused("a request is sent once in each generation")
        [] event = "RESPONSE_RECEIVED" -> Ignored("late response")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in PENDING only")
        [] event = "ABANDONED" -> Ignored("the outcome is reported already")
        [] event = "REISSUED" -> Ignored("the request is not pending")
        [] event = "WITHDRAW" -> Ignored("the request is over"))
  [] state = "WITHDRAWN" ->
     (CASE event = "SENT" -> Refused("a request is sent once in each generation")
        [] event = "RESPONSE_RECEIVED" -> Ignored("late response")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in PENDING only")
        [] event = "ABANDONED" -> Ignored("the outcome is reported already")
        [] event = "REISSUED" -> Ignored("the request is not pending")
        [] event = "WITHDRAW" -> Ignored("the request is over"))
==============================================================================================================

GENERATED from ockam_fsm/machines/consumer.py; edit the table
------------------------------------------- MODULE StreamConsumer --------------------------------------------
\* stream consumer: The consumer of a stream: it pulls from the saved index on, and saves the index only after
\* processing
EXTENDS Table

States == {"STARTING", "PULLING", "PROCESSING", "WAITING", "FAILED", "STOPPED"}
Initial == "STARTING"
Final == {"FAILED", "STOPPED"}
Events == {"INDEX_KNOWN", "MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED", "PROCESSED",
    "LAST_PROCESSED", "PROCESSING_FAILED", "POLL_DUE", "REQUEST_EXPIRED", "SESSION_LOST", "STOP"}

--------------------------------------------------------------------------------------------------------------
\* pull, process, save

\* STARTING, INDEX_KNOWN. Source: discussion: reliable delivery; 12.7
CN1(c, max) == Row("CN1", "PULLING", c, <<"STOP_REQUEST", "PULL", "START_REQUEST">>)

\* PULLING, MESSAGES_RECEIVED. Source: discussion: reliable delivery; 12.7
CN2(c, max) == Row("CN2", "PROCESSING", c, <<"STOP_REQUEST", "PROCESS">>)

\* PULLING, NOTHING_RECEIVED. Source: 12.7
CN3(c, max) == Row("CN3", "WAITING", c, <<"STOP_REQUEST", "START_POLL">>)

\* WAITING, POLL_DUE. Source: 12.7
CN4(c, max) == Row("CN4", "PULLING", c, <<"PULL", "START_REQUEST">>)

\* PROCESSING, PROCESSED. Source: discussion: reliable delivery; 12.7
CN5(c, max) == Row("CN5", "PROCESSING", [c EXCEPT !.tries = 0], <<"SAVE_INDEX", "PROCESS">>)

\* PROCESSING, LAST_PROCESSED. Source: discussion: reliable delivery; 12.7
CN6(c, max) == Row("CN6", "PULLING", [c EXCEPT !.tries = 0], <<"SAVE_INDEX", "PULL", "START_REQUEST">>)

\* PROCESSING, PROCESSING_FAILED [tries < tries limit]. Source: 12.9
CN7(c, max) == Row("CN7", "PROCESSING", [c EXCEPT !.tries = Increment(@, max.tries)], <<"PROCESS_AGAIN">>)
--------------------------------------------------------------------------------------------------------------
\* fail, and end

\* PROCESSING, PROCESSING_FAILED [tries ≥ tries limit]. Source: 12.9
CN8(c, max) == Row("CN8", "PROCESSING", [c EXCEPT !.tries = 0], <<"BURY">>)

\* STARTING, REQUEST_EXPIRED. Source: 12.7
CN9(c, max) == Row("CN9", "FAILED", c, <<"REPORT_FAILED">>)

\* PULLING, REQUEST_EXPIRED. Source: 12.7
CN10(c, max) == Row("CN10", "FAILED", c, <<"REPORT_FAILED">>)

\* STARTING, SESSION_LOST. Source: 12.7
CN11(c, max) == Row("CN11", "FAILED", c, <<"STOP_REQUEST", "REPORT_FAILED">>)

\* PULLING, SESSION_LOST. Source: 12.7
CN12(c, max) == Row("CN12", "FAILED", c, <<"STOP_REQUEST", "REPORT_FAILED">>)

\* WAITING, SESSION_LOST. Source: 12.7
CN13(c, max) == Row("CN13", "FAILED", c, <<"STOP_POLL", "REPORT_FAILED">>)

\* STARTING, STOP. Source: 12.7
CN14(c, max) == Row("CN14", "STOPPED", c, <<"STOP_REQUEST">>)

\* PULLING, STOP. Source: 12.7
CN15(c, max) == Row("CN15", "STOPPED", c, <<"STOP_REQUEST">>)

\* WAITING, STOP. Source: 12.7
CN16(c, max) == Row("CN16", "STOPPED", c, <<"STOP_POLL">>)

\* PROCESSING, STOP. Source: 12.7
CN17(c, max) == Row("CN17", "STOPPED", c, <<>>)

\* PROCESSING, SESSION_LOST. Source: 12.7
CN18(c, max) == Row("CN18", "FAILED", c, <<"REPORT_FAILED">>)
--------------------------------------------------------------------------------------------------------------
\* The one decision for an event in a state: every state and event is decided.
Decide(state, event, c, max) ==
  CASE state = "STARTING" ->
     (CASE event = "INDEX_KNOWN" -> CN1(c, max)
        [] event = "REQUEST_EXPIRED" -> CN9(c, max)
        [] event = "SESSION_LOST" -> CN11(c, max)
        [] event = "STOP" -> CN14(c, max)
        [] event \in {"MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED"} -> Ignored("it was not requested")
        [] event \in {"PROCESSED", "LAST_PROCESSED", "PROCESSING_FAILED"} -> Refused("the application processes no message")
        [] event = "POLL_DUE" -> Refused("the pause runs in WAITING only"))
  [] state = "PULLING" ->
     (CASE event = "MESSAGES_RECEIVED" -> CN2(c, max)
        [] event = "NOTHING_RECEIVED" -> CN3(c, max)
        [] event = "REQUEST_EXPIRED" -> CN10(c, max)
        [] event = "SESSION_LOST" -> CN12(c, max)
        [] event = "STOP" -> CN15(c, max)
        [] event \in {"INDEX_KNOWN", "STALE_RECEIVED"} -> Ignored("it was not requested")
        [] event \in {"PROCESSED", "LAST_PROCESSED", "PROCESSING_FAILED"} -> Refused("the application processes no message")
        [] event = "POLL_DUE" -> Refused("the pause runs in WAITING only"))
  [] state = "PROCESSING" ->
     (CASE event = "PROCESSED" -> CN5(c, max)
        [] event = "LAST_PROCESSED" -> CN6(c, max)
        [] event = "PROCESSING_FAILED" ->
            (CASE BelowLimit(c.tries, max.tries) -> CN7(c, max)
              [] AtLimit(c.tries, max.tries) -> CN8(c, max))
        [] event = "SESSION_LOST" -> CN18(c, max)
        [] event = "STOP" -> CN17(c, max)
        [] event \in {"INDEX_KNOWN", "MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED"} -> Ignored("it was not requested")
        [] event = "POLL_DUE" -> Refused("the pause runs in WAITING only")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in STARTING and PULLING only"))
  [] state = "WAITING" ->
     (CASE event = "POLL_DUE" -> CN4(c, max)
        [] event = "SESSION_LOST" -> CN13(c, max)
        [] event = "STOP" -> CN16(c, max)
        [] event \in {"INDEX_KNOWN", "MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED"} -> Ignored("it was not requested")
        [] event \in {"PROCESSED", "LAST_PROCESSED", "PROCESSING_FAILED"} -> Refused("the application processes no message")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in STARTING and PULLING only"))
  [] state = "FAILED" ->
     (CASE event \in {"INDEX_KNOWN", "MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED",
              "PROCESSED", "LAST_PROCESSED", "PROCESSING_FAILED", "SESSION_LOST", "STOP"} -> Ignored("the consumer has ended")
        [] event = "POLL_DUE" -> Refused("the pause runs in WAITING only")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in STARTING and PULLING only"))
  [] state = "STOPPED" ->
     (CASE event \in {"INDEX_KNOWN", "MESSAGES_RECEIVED", "NOTHING_RECEIVED", "STALE_RECEIVED",
              "PROCESSED", "LAST_PROCESSED", "PROCESSING_FAILED", "SESSION_LOST", "STOP"} -> Ignored("the consumer has ended")
        [] event = "POLL_DUE" -> Refused("the pause runs in WAITING only")
        [] event = "REQUEST_EXPIRED" -> Refused("the request timer runs in STARTING and PULLING only"))
==============================================================================================================

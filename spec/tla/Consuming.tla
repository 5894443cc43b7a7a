----------------------------- MODULE Consuming -----------------------------
\* A consumer, its supervisor and its application; the index worker; and a stream in
\* which some messages are stored (clauses 12.7 to 12.9). The tables are
\* tables/StreamConsumer.tla, IndexWorker.tla and StreamWorker.tla, generated.
\*
\*   System       the log is opened, a message arrives, the application has processed
\*                a message, a timer expires, the supervisor starts another consumer
\*   Environment  the consumer is killed; its application fails; the network loses and
\*                duplicates
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* C1 No session lies between the consumer and the stream. A session would give each consumer
\*    separate addresses, so here more messages arrive: those to an earlier consumer
\*    reach the next one.
\* C2 A message is its index: the consumer reads nothing else of it.
\* C3 A consumer that was killed counts its requests from the beginning again, which is
\*    the worst case; one that its supervisor starts continues the count.
\* C4 Pulls bounds the requests for messages of one consumer. Every claim is made
\*    within that bound.
\*
\* Left out: every message is eventually processed (R4: ConsumingRecovery.tla).
EXTENDS Integers, Sequences, FiniteSets, Bags, Network

CONSTANTS
    Messages,       \* the number of stored messages; their indexes begin at 0
    Limit,          \* messages in one response
    Tries,          \* how often a message is handed to the application
    Pulls,
    Restarts,       \* how often the consumer may be killed
    Failures        \* how often its application may fail

VARIABLES
    stream,         \* the state of the stream worker in its table
    keeps,          \* the saved index of the group, or None
    consumer,       \* [state, counters, asked, saved, batch]
    timers,         \* of the consumer, its application and its supervisor
    processed,      \* indexes of messages that the application has processed
    buried,         \* indexes of messages that became dead letters
    network,
    killed, failed  \* how often each has happened

vars == <<stream, keeps, consumer, timers, processed, buried, network, killed, failed>>

Consumer == INSTANCE StreamConsumer
Index == INSTANCE IndexWorker
Stream == INSTANCE StreamWorker

None == -1
First == 0
NoCause == [kind |-> "none"]
Max == [tries |-> Tries - 1]

GetIndex == [kind |-> "get", to |-> "index"]
SaveIndex(index) == [kind |-> "save", to |-> "index", index |-> index]
Pull(asked, index) == [kind |-> "pull", to |-> "stream", asked |-> asked, index |-> index]
Told(index) == [kind |-> "told", to |-> "consumer", index |-> index]
Pulled(asked, batch) == [kind |-> "pulled", to |-> "consumer", asked |-> asked, batch |-> batch]
NotServed == [kind |-> "not served", to |-> "consumer"]

-----------------------------------------------------------------------------
\* The consumer. The result of one of its steps: `one` the consumer, its timers, the messages
\* that it sends, the dead letters.

Begun(asked) == [state |-> Consumer!Initial, counters |-> [tries |-> 0], asked |-> asked, saved |-> 0, batch |-> <<>>]

Progress(batch) == IF Len(batch) > 1 THEN "PROCESSED" ELSE "LAST_PROCESSED"

\* The timer of a consumer that waits for a response.
RequestTimer == {"request"}

\* The first message of the batch goes to the application.
HandOver(s) == [s EXCEPT !.timers = @ \cup {"processing"}]

BuryFirst(s) == [s EXCEPT !.buried = @ \cup {Head(s.one.batch)}]

AskForMessages(s, cause) ==
    LET saved == IF cause.kind = "told" THEN (IF cause.index = None THEN First ELSE cause.index) ELSE s.one.saved
        asked == s.one.asked + 1
    IN  [s EXCEPT !.one.saved = saved, !.one.asked = asked, !.sent = Append(@, Pull(asked, saved))]

Save(s) ==
    LET next == Head(s.one.batch) + 1
    IN  [s EXCEPT !.one.saved = next, !.one.batch = Tail(@), !.sent = Append(@, SaveIndex(next))]

RECURSIVE Happen(_, _, _), Follow(_, _, _)
Effect(s, effect, cause) ==
    CASE effect = "PULL" -> AskForMessages(s, cause)
      [] effect = "PROCESS" ->
            HandOver(IF cause.kind = "pulled" THEN [s EXCEPT !.one.batch = cause.batch] ELSE s)
      [] effect = "PROCESS_AGAIN" -> HandOver(s)
      [] effect = "SAVE_INDEX" -> Save(s)
      [] effect = "BURY" -> Happen(BuryFirst(s), Progress(s.one.batch), NoCause)
      [] effect = "START_REQUEST" -> [s EXCEPT !.timers = @ \cup RequestTimer]
      [] effect = "STOP_REQUEST" -> [s EXCEPT !.timers = @ \ RequestTimer]
      [] effect = "START_POLL" -> [s EXCEPT !.timers = @ \cup {"poll"}]
      [] effect = "STOP_POLL" -> [s EXCEPT !.timers = @ \ {"poll"}]
      [] effect = "REPORT_FAILED" -> [s EXCEPT !.timers = (@ \ {"processing"}) \cup {"supervised"}]

Follow(s, effects, cause) ==
    IF effects = <<>> THEN s ELSE Follow(Effect(s, Head(effects), cause), Tail(effects), cause)

\* An event at the consumer. An event that the table ignores changes nothing.
Happen(s, event, cause) ==
    LET decision == Consumer!Decide(s.one.state, event, s.one.counters, Max)
    IN  IF decision.verdict = "row"
        THEN Follow([s EXCEPT !.one.state = decision.state, !.one.counters = decision.counters],
                    decision.effects, cause)
        ELSE s

\* The step must stay within the bound on requests; its messages are sent while there is room.
PassesBound(s) == s.one.asked > Pulls
TakePlace(s, remaining) ==
    /\ ~PassesBound(s)
    /\ consumer' = s.one /\ timers' = s.timers /\ buried' = s.buried
    /\ network' = With(remaining, s.sent)

Now == [one |-> consumer, timers |-> timers, sent |-> <<>>, buried |-> buried]
NowWithout(timer) == [Now EXCEPT !.timers = @ \ {timer}]

\* A response is one to the pending request, or stale. Indexes increase, from the
\* requested one on.
InOrder(batch) ==
    /\ Len(batch) <= Limit
    /\ \A i \in DOMAIN batch : batch[i] > (IF i = 1 THEN consumer.saved - 1 ELSE batch[i - 1])
JudgePulled(batch) == IF batch = <<>> THEN "NOTHING_RECEIVED" ELSE "MESSAGES_RECEIVED"
Judge(response) ==
    CASE response.kind = "told" -> "INDEX_KNOWN"
      [] response.kind = "pulled" /\ response.asked = consumer.asked /\ InOrder(response.batch) ->
            JudgePulled(response.batch)
      [] OTHER -> "STALE_RECEIVED"

Received(response) == Happen(Now, Judge(response), response)
Receive(response, remaining) ==
    /\ TakePlace(Received(response), remaining)
    /\ UNCHANGED <<stream, keeps, processed, killed, failed>>

\* Another consumer begins.
Begin(asked, left) ==
    /\ consumer' = Begun(asked)
    /\ timers' = left \cup RequestTimer
    /\ network' = With(network, <<GetIndex>>)
    /\ UNCHANGED <<stream, keeps, processed, buried>>

Processed == Happen(NowWithout("processing"), Progress(consumer.batch), NoCause)
Process ==
    /\ "processing" \in timers
    /\ processed' = processed \cup {Head(consumer.batch)}
    /\ TakePlace(Processed, network)
    /\ UNCHANGED <<stream, keeps, killed, failed>>

Expired(timer, event) == Happen(NowWithout(timer), event, NoCause)
Expire(timer, event) ==
    /\ timer \in timers
    /\ TakePlace(Expired(timer, event), network)
    /\ UNCHANGED <<stream, keeps, processed, killed, failed>>

Supervise ==
    /\ "supervised" \in timers
    /\ Begin(consumer.asked, timers \ {"supervised"})
    /\ UNCHANGED <<killed, failed>>

-----------------------------------------------------------------------------
\* The index worker. A restart does not change it: the index is stored.
JudgeSave(index) == IF keeps = None \/ index > keeps THEN "SAVE_AHEAD" ELSE "SAVE_BEHIND"
Kept(index) ==
    LET decision == Index!Decide(Index!Initial, JudgeSave(index), <<>>, <<>>)
    IN  IF decision.verdict = "row" /\ decision.effects = <<"KEEP_INDEX">> THEN index ELSE keeps

AtIndex(request, remaining) ==
    /\ keeps' = IF request.kind = "save" THEN Kept(request.index) ELSE keeps
    /\ network' = IF request.kind = "get" THEN With(remaining, <<Told(keeps)>>) ELSE remaining
    /\ UNCHANGED <<stream, consumer, timers, processed, buried, killed, failed>>

-----------------------------------------------------------------------------
\* The stream worker: it answers once its log is open.
OpenLog ==
    /\ stream = Stream!Initial
    /\ stream' = Stream!Decide(stream, "LOG_OPENED", <<>>, <<>>).state
    /\ UNCHANGED <<keeps, consumer, timers, processed, buried, network, killed, failed>>

\* The stored messages from an index on, within the limit.
From(index) ==
    LET stored == IF index >= Messages THEN 0 ELSE Messages - index
        count == IF stored < Limit THEN stored ELSE Limit
    IN  [i \in 1..count |-> index + i - 1]

AtStream(request, remaining) ==
    LET effects == Stream!Decide(stream, "PULL", <<>>, <<>>).effects
        answer == IF effects = <<"READ">> THEN Pulled(request.asked, From(request.index)) ELSE NotServed
    IN  /\ network' = With(remaining, <<answer>>)
        /\ UNCHANGED <<stream, keeps, consumer, timers, processed, buried, killed, failed>>

-----------------------------------------------------------------------------
Arrive(message, remaining) ==
    CASE message.to = "consumer" -> Receive(message, remaining)
      [] message.to = "index" -> AtIndex(message, remaining)
      [] message.to = "stream" -> AtStream(message, remaining)

Deliver(message) == Arrive(message, Without(network, message))

System ==
    \/ OpenLog
    \/ Process
    \/ Expire("request", "REQUEST_EXPIRED")
    \/ Expire("poll", "POLL_DUE")
    \/ Supervise
    \/ \E message \in Present(network) : Deliver(message)

-----------------------------------------------------------------------------
Kill ==
    /\ killed < Restarts
    /\ Begin(0, {})
    /\ killed' = killed + 1
    /\ UNCHANGED failed

Fail ==
    /\ failed < Failures
    /\ consumer.state = "PROCESSING"
    /\ TakePlace(Happen(NowWithout("processing"), "PROCESSING_FAILED", NoCause), network)
    /\ failed' = failed + 1
    /\ UNCHANGED <<stream, keeps, processed, killed>>

Duplicate(message) == Arrive(message, network)
Drop(message) ==
    /\ network' = Without(network, message)
    /\ UNCHANGED <<stream, keeps, consumer, timers, processed, buried, killed, failed>>

Environment == Kill \/ Fail \/ \E message \in Present(network) : Duplicate(message) \/ Drop(message)

-----------------------------------------------------------------------------
Start ==
    /\ stream = Stream!Initial /\ keeps = None
    /\ consumer = Begun(0) /\ timers = RequestTimer
    /\ processed = {} /\ buried = {}
    /\ network = With(EmptyBag, <<GetIndex>>)
    /\ killed = 0 /\ failed = 0
Next == System \/ Environment
Spec == Start /\ [][Next]_vars

-----------------------------------------------------------------------------
Before(index) == 0..(index - 1)
Done == processed \cup buried

\* S15d: the saved index never passes a message that is not processed.
S15d_IndexPassesOnlyProcessed ==
    Before(IF keeps < Messages THEN keeps ELSE Messages) \subseteq Done

\* S23: the saved index never goes back, nor does that of one consumer.
S23_IndexRises ==
    [][/\ keeps' >= keeps
       /\ "STARTING" \in {consumer.state, consumer'.state} \/ consumer'.saved >= consumer.saved]_vars

\* S30: a message is processed after those that are stored before it.
S30_ProcessedInOrder == [][\A index \in processed' \ processed : Before(index) \subseteq Done]_vars

\* W8: a message is processed twice.
Never_W8 == [][~(Process /\ UNCHANGED processed)]_vars

-----------------------------------------------------------------------------
\* Wrong workers: each operator replaces the one
\* after "for" and is rejected by the property after "by" (models/*.cfg).

\* any-response-counts: a response to an earlier request is accepted.   (for Judge, by S23)
BelieveAnyResponse(response) ==
    CASE response.kind = "told" -> "INDEX_KNOWN"
      [] response.kind = "pulled" -> JudgePulled(response.batch)
      [] OTHER -> "STALE_RECEIVED"

\* index-saved-before-processing                                    (for HandOver, by S15d)
SaveAndHandOver(s) ==
    [s EXCEPT !.timers = @ \cup {"processing"}, !.sent = Append(@, SaveIndex(Head(s.one.batch) + 1))]

\* index-overwritten: the last received index is kept.              (for JudgeSave, by S23)
KeepTheLatest(index) == "SAVE_AHEAD"

\* passes-over: no dead letter is made.                              (for BuryFirst, by S30)
PassOver(s) == s

\* waits-for-ever: no request timer is started.                     (for RequestTimer, by R4)
NoTimer == {}
=============================================================================

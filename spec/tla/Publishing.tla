----------------------------- MODULE Publishing -----------------------------
\* A publisher, the stream worker and its log, over a session abstracted to four
\* messages (clauses 6.6, 6.8 and 12.2 to 12.5). The tables are
\* tables/StreamPublisher.tla and tables/StreamWorker.tla, generated.
\*
\*   System       a message arrives, a session fails or ends, the pause after a rejection
\*                or a failure is over, the log is opened, a write is done
\*   Environment  the application publishes; a worker is killed; the storage fails; the
\*                log loses records; the network loses and duplicates
\*
\*   hello          the publisher's session starts a generation
\*   answer         the stream's end answers it, resumed or not
\*   push           a message under its number, to one responder
\*   confirmation   a number is stored
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* C1 The session is reduced to its notifications: established in a generation, resumed
\*    or not, and failed. SessionPair.tla has its rows.
\* C2 More arrives than in a real session: pushes in any generation of a confirmed
\*    session, and confirmations in any generation of an identity. An end fails or ends
\*    at any time, unless Patient: then no end fails for silence. A test shows that all states of
\*    real sessions are reached (tests/checking/test_abstract_session.py).
\* C3 A message is the ordinal of its acceptance: nothing reads more of it.
\* C4 A request has no timer: its expiry is a failure of its session.
\* C5 Generations, Spawns and Incarnations bound the numbers. A step beyond a bound does
\*    not exist; every claim is made within the bounds.
\*
\* Validation against the code: it has exactly as many states and transitions as the real
\* publisher and stream worker over the same session (checking/streams/abstract_session.py),
\* and rejects the same wrong ones, in as many steps.
\*
\* Left out: publishers that close, or whose session closes; consumers (Consuming.tla).
EXTENDS Integers, Sequences, FiniteSets, Bags, Network

CONSTANTS
    Messages,       \* how many the application publishes
    Window,         \* how many may be accepted and not confirmed
    Generations,    \* of the session of one identity
    Spawns,         \* how many responders the stream may make
    Incarnations,   \* how many identities the publisher may give up
    Patient,
    Reissue,        \* a request is reissued when its session is established again; else
                    \* the publisher is notified of its failure
    Restarts,       \* how often the stream worker may be killed
    Failures,       \* how often its storage may fail
    Forgets,        \* how often the log may lose the records of publishers
    Resumptions,    \* how often the publisher may be killed and keep its image
    Losses          \* how often it may be killed and lose it

VARIABLES
    publisher,      \* [state, before, confirmed, count, open]: count messages follow the
                    \* confirmed ones; open numbers have an open request, in this order
    session,        \* [identity, generation, peer, hasState] of the publisher; peer is the
                    \* responder, Nobody until the session is established
    pausing,        \* the pause after a rejection runs
    first,          \* how many messages earlier incarnations have accepted
    settled,        \* the messages that were confirmed
    told,           \* identities whose lost record was reported to the application
    worker,         \* [state, records, accepted] of the stream worker
    responders,     \* [number, generation, resumed, hasState] by identity
    log,            \* [stored, records, underWay, writer]
    spawned,        \* the number of responders created so far
    forgot,         \* the log has lost records
    network,
    happened        \* how often each fault has happened

ofPublisher == <<publisher, session, pausing, first, settled, told>>
ofStream == <<worker, responders, log, spawned, forgot>>
vars == <<ofPublisher, ofStream, network, happened>>

Publisher == INSTANCE StreamPublisher
Stream == INSTANCE StreamWorker

Nobody == 0
Hello(identity, generation) ==
    [kind |-> "hello", to |-> "stream", identity |-> identity, generation |-> generation]
Answer(identity, generation, number, resumed) ==
    [kind |-> "answer", to |-> "publisher", identity |-> identity, generation |-> generation,
     responder |-> number, resumed |-> resumed]
Push(place, number, data) ==
    [kind |-> "push", to |-> "stream", identity |-> place.identity, generation |-> place.generation,
     responder |-> place.peer, number |-> number, data |-> data]
Confirmation(identity, number) ==
    [kind |-> "confirmation", to |-> "publisher", identity |-> identity, number |-> number]

Has(sequence, item) == \E i \in DOMAIN sequence : sequence[i] = item
Taken(sequence, item) == SelectSeq(sequence, LAMBDA one : one # item)

\* Partial functions.
Nothing == [one \in {} |-> 0]
Put(function, one, value) ==
    [other \in DOMAIN function \cup {one} |-> IF other = one THEN value ELSE function[other]]
Removed(function, one) == [other \in DOMAIN function \ {one} |-> function[other]]

-----------------------------------------------------------------------------
\* THE PUBLISHER. The result of one of its steps: `one` the publisher, its session and
\* timer, the messages that it sends, and whether a bound was passed.
Now == [one |-> publisher, session |-> session, pausing |-> pausing, first |-> first,
        settled |-> settled, told |-> told, sent |-> <<>>, beyond |-> FALSE]

SendHello(s) == [s EXCEPT !.sent = Append(@, Hello(s.session.identity, s.session.generation))]
Attempt(s) ==
    SendHello([s EXCEPT !.session.generation = @ + 1, !.session.peer = Nobody,
                        !.beyond = @ \/ s.session.generation >= Generations])

Established(s) == s.session.peer # Nobody
SendPush(s, number) ==
    [s EXCEPT !.sent = Append(@, Push(s.session, number, s.first + s.one.before + number))]

\* A request waits until the session is established.
Request(s, number) ==
    LET asked == [s EXCEPT !.one.open = Append(@, number)]
    IN  IF Established(s) THEN SendPush(asked, number) ELSE asked

RECURSIVE RequestAll(_, _, _)
RequestAll(s, number, last) ==
    IF number > last THEN s
    ELSE RequestAll(IF Has(s.one.open, number) THEN s ELSE Request(s, number), number + 1, last)
Last(s) == s.one.confirmed + s.one.count - s.one.before
SendAgain(s) == RequestAll(s, s.one.confirmed + 1 - s.one.before, Last(s))

Settle(s) ==
    LET ordinal == s.one.confirmed + 1
    IN  [s EXCEPT !.one.confirmed = ordinal, !.one.open = Taken(@, ordinal - s.one.before),
                  !.settled = @ \cup {s.first + ordinal}]

RenewIdentity(s) ==
    LET renewed == [s EXCEPT !.one.before = s.one.confirmed, !.one.open = <<>>,
                             !.session.identity = @ + 1, !.session.generation = 0,
                             !.session.hasState = FALSE,
                             !.beyond = @ \/ s.session.identity > Incarnations]
    IN  Attempt(renewed)

Effect(s, effect) ==
    CASE effect = "KEEP" -> s       \* the counter includes it
      [] effect = "SEND_PUSH" -> Request(s, Last(s))
      [] effect = "SETTLE" -> Settle(s)
      [] effect = "SEND_AGAIN" -> SendAgain(s)
      [] effect = "START_RETRY" -> [s EXCEPT !.pausing = TRUE]
      [] effect = "STOP_RETRY" -> [s EXCEPT !.pausing = FALSE]
      [] effect = "RENEW_IDENTITY" -> RenewIdentity(s)
      [] effect = "REPORT_STATE_LOST" -> [s EXCEPT !.told = @ \cup {s.session.identity - 1}]

RECURSIVE Follow(_, _)
Follow(s, effects) == IF effects = <<>> THEN s ELSE Follow(Effect(s, Head(effects)), Tail(effects))

Decision(s, event) ==
    Publisher!Decide(s.one.state, event, [unconfirmed |-> s.one.count], [unconfirmed |-> Window])

\* An event at the publisher. An event that the table ignores changes nothing.
Happen(s, event) ==
    LET decision == Decision(s, event)
    IN  IF decision.verdict = "row"
        THEN Follow([s EXCEPT !.one.state = decision.state, !.one.count = decision.counters.unconfirmed],
                    decision.effects)
        ELSE s

\* A request failed.
Closed(s, number) == [s EXCEPT !.one.open = Taken(@, number)]
Failed(s, number, event) == Happen(Closed(s, number), event)

RECURSIVE AllFailed(_, _)
AllFailed(s, numbers) ==
    IF numbers = <<>> THEN s ELSE AllFailed(Failed(s, Head(numbers), "REJECTED"), Tail(numbers))

RECURSIVE PushAll(_, _)
PushAll(s, numbers) == IF numbers = <<>> THEN s ELSE PushAll(SendPush(s, Head(numbers)), Tail(numbers))

-----------------------------------------------------------------------------
\* The messages that the publisher receives.

\* Requests are for a peer that still has the session's state (6.8).
ResumedOnly == TRUE

\* The answer itself reports a lost record where a message is confirmed.
Hears(s, resumed) ==
    IF resumed \/ s.one.confirmed = s.one.before THEN s ELSE Happen(s, "STATE_LOST")

Answered(s, answer) ==
    LET waiting == s.one.open
        heard == Hears([s EXCEPT !.session.peer = answer.responder, !.session.hasState = TRUE], answer.resumed)
    IN  CASE heard.session.identity # answer.identity -> heard
          [] heard.session.identity = answer.identity /\ s.session.hasState /\ ~answer.resumed /\ ResumedOnly ->
                IF waiting = <<>> THEN heard ELSE Failed(heard, Head(waiting), "STATE_LOST")
          [] OTHER -> PushAll(heard, waiting)

RECURSIVE SettleUpTo(_, _)
SettleUpTo(s, ordinal) ==
    IF s.one.confirmed < ordinal THEN SettleUpTo(Happen(s, "CONFIRMED"), ordinal) ELSE s
Confirmed(s, number) ==
    LET ordinal == s.one.before + number
    IN  IF ordinal <= s.one.confirmed THEN Happen(s, "CONFIRMED_BEFORE") ELSE SettleUpTo(s, ordinal)

IsAwaitedAnswer(message) ==
    /\ message.kind = "answer"
    /\ ~Established(Now)
    /\ message.identity = session.identity /\ message.generation = session.generation
IsAwaitedConfirmation(message) ==
    /\ message.kind = "confirmation"
    /\ Established(Now)
    /\ message.identity = session.identity
    /\ Has(publisher.open, message.number)

AtPublisher(message) ==
    CASE IsAwaitedAnswer(message) -> Answered(Now, message)
      [] IsAwaitedConfirmation(message) -> Confirmed(Closed(Now, message.number), message.number)
      [] OTHER -> Now

FailsNow ==
    LET again == Attempt(Now)
    IN  IF Reissue THEN again ELSE AllFailed(again, again.one.open)
CanFail == ~(Patient /\ Established(Now) /\ publisher.open = <<>>)

\* The step must stay within the bounds; its messages are sent while there is room.
TakePlace(s, remaining) ==
    /\ ~s.beyond
    /\ publisher' = s.one /\ session' = s.session /\ pausing' = s.pausing
    /\ first' = s.first /\ settled' = s.settled /\ told' = s.told
    /\ network' = With(remaining, s.sent)
    /\ UNCHANGED ofStream

Fail == CanFail /\ TakePlace(FailsNow, network) /\ UNCHANGED happened
Retry ==
    /\ pausing
    /\ TakePlace(Happen([Now EXCEPT !.pausing = FALSE], "RETRY_DUE"), network)
    /\ UNCHANGED happened

-----------------------------------------------------------------------------
\* THE STREAM WORKER, its responders and the log, as the publisher above.
StreamNow == [one |-> worker, responders |-> responders, log |-> log, spawned |-> spawned,
              sent |-> <<>>, beyond |-> FALSE]

InLog(push) == [publisher |-> push.identity, number |-> push.number, data |-> push.data]
NoPush == [identity |-> Nobody, number |-> 0, data |-> 0]

\* Through the session of the publisher, if it still exists.
Reply(t, identity, number) ==
    IF identity \in DOMAIN t.responders THEN [t EXCEPT !.sent = Append(@, Confirmation(identity, number))] ELSE t

AppendPush(t, push) ==
    [t EXCEPT !.one.accepted = Append(@, <<push.identity, push.number>>),
              !.one.records[push.identity].accepted = push.number,
              !.log.underWay = Append(@, [writer |-> t.log.writer, message |-> InLog(push)])]

Confirm(t) ==
    LET oldest == Head(t.one.accepted)
        stored == [t EXCEPT !.one.accepted = Tail(@), !.one.records[oldest[1]].stored = oldest[2]]
    IN  Reply(stored, oldest[1], oldest[2])

StreamEffect(t, effect, push) ==
    CASE effect = "APPEND" -> AppendPush(t, push)
      [] effect = "ANSWER_LATER" -> t     \* an identity has one return route here
      [] effect = "CONFIRM" -> Confirm(t)
      [] effect = "CONFIRM_AGAIN" -> Reply(t, push.identity, push.number)
      [] effect = "FORGET_ACCEPTED" -> [t EXCEPT !.one.accepted = <<>>, !.one.records = Nothing]
      [] effect = "END_SESSIONS" -> [t EXCEPT !.responders = Nothing]
      [] effect \in {"OPEN_LOG", "START_BACK_OFF", "RESET_BACK_OFF"} -> t  \* the state has it

RECURSIVE StreamFollow(_, _, _)
StreamFollow(t, effects, push) ==
    IF effects = <<>> THEN t ELSE StreamFollow(StreamEffect(t, Head(effects), push), Tail(effects), push)

\* The number of messages that wait to be stored is not bounded here.
StreamHappen(t, event, push) ==
    LET decision == Stream!Decide(t.one.state, event, [pending |-> 0], [pending |-> Stream!Unlimited])
    IN  IF decision.verdict = "row"
        THEN StreamFollow([t EXCEPT !.one.state = decision.state], decision.effects, push)
        ELSE t

-----------------------------------------------------------------------------
\* The messages that the stream receives.
Serving == worker.state = "SERVING"

\* Whether a record has a stored or accepted message of the publisher.
Remembers(record) == record.accepted > 0

Recorded(t, identity) ==
    LET number == IF identity \in DOMAIN t.log.records THEN t.log.records[identity] ELSE 0
    IN  IF identity \in DOMAIN t.one.records THEN t.one.records[identity]
        ELSE [stored |-> number, accepted |-> number]

Made(t, identity) ==
    LET record == Recorded(t, identity)
        known == Remembers(record)
        made == [number |-> t.spawned + 1, generation |-> 0, resumed |-> known, hasState |-> known]
    IN  [t EXCEPT !.one.records = Put(@, identity, record), !.responders = Put(@, identity, made),
                  !.spawned = @ + 1, !.beyond = t.spawned = Spawns]

Greeted(hello) ==
    LET identity == hello.identity
        t == IF identity \in DOMAIN responders THEN StreamNow ELSE Made(StreamNow, identity)
        known == t.responders[identity]
        newer == IF hello.generation > known.generation
                 THEN [known EXCEPT !.generation = hello.generation, !.resumed = known.hasState]
                 ELSE known
    IN  IF ~Serving \/ hello.generation < known.generation THEN StreamNow
        ELSE [t EXCEPT !.responders[identity] = newer,
                       !.sent = <<Answer(identity, hello.generation, newer.number, newer.resumed)>>]

\* An unconfirmed answer is replaced by the next one, and with it the address at which
\* pushes arrive.
Reaches(push, known) ==
    known.number = push.responder /\ (known.hasState \/ known.generation = push.generation)

UnderWay(identity, number) == \E i \in DOMAIN worker.accepted : worker.accepted[i] = <<identity, number>>
Judge(identity, number) ==
    LET record == worker.records[identity]
    IN  CASE number <= record.stored -> "PUSH_STORED"
          [] number > record.stored /\ number <= record.accepted -> "PUSH_UNDER_WAY"
          [] number = record.accepted + 1 -> "PUSH_NEXT"
          [] OTHER -> "PUSH_BEYOND"

Pushed(push) ==
    IF push.identity \in DOMAIN responders /\ Reaches(push, responders[push.identity])
    THEN StreamHappen([StreamNow EXCEPT !.responders[push.identity].hasState = TRUE],
                      Judge(push.identity, push.number), push)
    ELSE StreamNow

AtStream(message) == IF message.kind = "hello" THEN Greeted(message) ELSE Pushed(message)

StreamTakesPlace(t, remaining) ==
    /\ ~t.beyond
    /\ worker' = t.one /\ responders' = t.responders /\ log' = t.log /\ spawned' = t.spawned
    /\ network' = With(remaining, t.sent)
    /\ UNCHANGED <<ofPublisher, forgot>>

-----------------------------------------------------------------------------
\* The log. An append stores the message and the record of its publisher in one write.

\* Opening the log fences the previous writer: none of its writes lands afterwards.
Fenced(underWay) == <<>>

OpenLog ==
    /\ worker.state = "OPENING"
    /\ LET t == [StreamNow EXCEPT !.log.writer = @ + 1, !.log.underWay = Fenced(@)]
       IN  StreamTakesPlace(StreamHappen(t, "LOG_OPENED", NoPush), network)
    /\ UNCHANGED happened

Written(t) ==
    LET message == Head(t.log.underWay).message
        who == message.publisher
        known == IF who \in DOMAIN t.log.records THEN t.log.records[who] ELSE 0
        last == IF message.number > known THEN message.number ELSE known
    IN  [t EXCEPT !.log.underWay = Tail(@), !.log.stored = Append(@, message), !.log.records = Put(@, who, last)]

Write ==
    /\ log.underWay # <<>>
    /\ LET own == Head(log.underWay).writer = log.writer /\ Serving
           t == Written(StreamNow)
       IN  StreamTakesPlace(IF own THEN StreamHappen(t, "APPENDED", NoPush) ELSE t, network)
    /\ UNCHANGED happened

BackOff ==
    /\ worker.state = "WAITING"
    /\ StreamTakesPlace(StreamHappen(StreamNow, "RETRY_DUE", NoPush), network)
    /\ UNCHANGED happened

\* The records of the log when a session has ended: they live as long as the log.
RecordsAfter(records, identity) == records

End(identity) ==
    /\ ~Patient
    /\ LET waits == \E i \in DOMAIN worker.accepted : worker.accepted[i][1] = identity
           t == [StreamNow EXCEPT !.responders = Removed(@, identity), !.log.records = RecordsAfter(@, identity)]
       IN  StreamTakesPlace(IF waits THEN t ELSE [t EXCEPT !.one.records = Removed(@, identity)], network)
    /\ UNCHANGED happened

-----------------------------------------------------------------------------
ArrivesBeyond(message) ==
    IF message.to = "stream" THEN AtStream(message).beyond ELSE AtPublisher(message).beyond

Arrive(message, remaining) ==
    /\ IF message.to = "stream" THEN StreamTakesPlace(AtStream(message), remaining)
       ELSE TakePlace(AtPublisher(message), remaining)
    /\ UNCHANGED happened
Deliver(message) == Arrive(message, Without(network, message))

System ==
    \/ \E message \in Present(network) : Deliver(message)
    \/ Fail \/ Retry \/ OpenLog \/ Write \/ BackOff
    \/ \E identity \in DOMAIN responders : End(identity)

-----------------------------------------------------------------------------
Budget == [restart |-> Restarts, failure |-> Failures, forget |-> Forgets,
           resumption |-> Resumptions, loss |-> Losses]
Happens(fault) ==
    /\ happened[fault] < Budget[fault]
    /\ happened' = [happened EXCEPT ![fault] = @ + 1]

Accepted == first + publisher.confirmed + publisher.count

Publish ==
    /\ Accepted < Messages
    /\ Decision(Now, "PUBLISH").verdict = "row"
    /\ TakePlace(Happen(Now, "PUBLISH"), network)
    /\ UNCHANGED happened

NewWorker == [state |-> Stream!Initial, records |-> Nothing, accepted |-> <<>>]
KillStream ==
    /\ Happens("restart")
    /\ StreamTakesPlace([StreamNow EXCEPT !.one = NewWorker, !.responders = Nothing], network)

FailStorage ==
    /\ Happens("failure")
    /\ Serving
    /\ StreamTakesPlace(StreamHappen(StreamNow, "STORAGE_FAILED", NoPush), network)

Forget ==
    /\ Happens("forget")
    /\ log.records # Nothing /\ responders = Nothing
    /\ log' = [log EXCEPT !.records = Nothing] /\ forgot' = TRUE
    /\ UNCHANGED <<ofPublisher, worker, responders, spawned, network>>

Resume ==
    /\ Happens("resumption")
    /\ LET again == [Now EXCEPT !.one.open = <<>>, !.session.hasState = TRUE, !.pausing = FALSE]
       IN  TakePlace(SendAgain(Attempt(again)), network)

\* A publisher that restarts without its memory takes an unused identity.
NextIdentity(identity) == identity + 1
NewPublisher == [state |-> Publisher!Initial, before |-> 0, confirmed |-> 0, count |-> 0, open |-> <<>>]
NewSession(identity) == [identity |-> identity, generation |-> 0, peer |-> Nobody, hasState |-> FALSE]
Lose ==
    /\ Happens("loss")
    /\ LET again == [Now EXCEPT !.one = NewPublisher, !.session = NewSession(NextIdentity(session.identity)),
                                !.pausing = FALSE, !.first = Accepted]
       IN  TakePlace(Attempt(again), network)

Duplicate(message) == Arrive(message, network)
Drop(message) ==
    /\ network' = Without(network, message)
    /\ UNCHANGED <<ofPublisher, ofStream, happened>>

Environment ==
    \/ Publish \/ KillStream \/ FailStorage \/ Forget \/ Resume \/ Lose
    \/ \E message \in Present(network) : Duplicate(message) \/ Drop(message)

-----------------------------------------------------------------------------
Start ==
    /\ publisher = NewPublisher /\ pausing = FALSE
    /\ session = [NewSession(1) EXCEPT !.generation = 1]
    /\ first = 0 /\ settled = {} /\ told = {}
    /\ worker = NewWorker /\ responders = Nothing
    /\ log = [stored |-> <<>>, records |-> Nothing, underWay |-> <<>>, writer |-> 0]
    /\ spawned = 0 /\ forgot = FALSE
    /\ network = With(EmptyBag, <<Hello(1, 1)>>)
    /\ happened = [fault \in DOMAIN Budget |-> 0]
Next == System \/ Environment
Spec == Start /\ [][Next]_vars

-----------------------------------------------------------------------------
StoredAt == DOMAIN log.stored

\* S15a: a message that was confirmed to its publisher is stored.
S15a_ConfirmedIsStored == settled \subseteq {log.stored[i].data : i \in StoredAt}

\* S15b: a message is stored once, unless its publisher was notified that it may be stored
\* twice; under one identity never twice.
S15b_StoredOnce ==
    \A i, j \in StoredAt :
        (i # j /\ log.stored[i].data = log.stored[j].data) =>
            told # {} /\ log.stored[i].publisher # log.stored[j].publisher

\* S15c: messages of one identity are stored in the order of their acceptance.
S15c_StoredInOrder ==
    \A i, j \in StoredAt :
        (i < j /\ log.stored[i].publisher = log.stored[j].publisher) =>
            log.stored[i].data <= log.stored[j].data

\* S31: a publisher is notified that its record is lost only if the log has none.
S31_ToldOfLoss == forgot \/ \A i \in StoredAt : log.stored[i].publisher \notin told

\* W16: a publisher is notified that its record is lost.
Never_W16 == [][UNCHANGED told]_vars

-----------------------------------------------------------------------------
\* Wrong workers: each operator replaces the one
\* after "for" and is rejected by the property after "by" (models/*.cfg).

\* identity-reused: a new publisher is taken for the earlier one.   (for NextIdentity, by S15a)
SameIdentity(identity) == identity

\* suppress-by-highest: a missing message is taken for stored.            (for Judge, by S15a)
JudgeByHighest(identity, number) ==
    LET record == worker.records[identity]
    IN  CASE number <= record.stored -> "PUSH_STORED"
          [] number > record.stored /\ number <= record.accepted -> "PUSH_UNDER_WAY"
          [] OTHER -> "PUSH_NEXT"

\* confirm-before-storing                                             (for AppendPush, by S15a)
AppendAndConfirm(t, push) ==
    LET appended == [t EXCEPT !.one.accepted = Append(@, <<push.identity, push.number>>),
                              !.one.records[push.identity].accepted = push.number,
                              !.log.underWay = Append(@, [writer |-> t.log.writer, message |-> InLog(push)])]
    IN  Reply(appended, push.identity, push.number)

\* no-suppression                                                          (for Judge, by S15b)
AlwaysNext(identity, number) == "PUSH_NEXT"

\* record-ends-with-session                                          (for RecordsAfter, by S31)
RecordsWithout(records, identity) == Removed(records, identity)

\* under-way-is-unknown                                                    (for Judge, by S15b)
JudgeByStored(identity, number) ==
    LET record == worker.records[identity]
    IN  CASE number <= record.stored -> "PUSH_STORED"
          [] number > record.stored /\ number <= record.accepted + 1 -> "PUSH_NEXT"
          [] OTHER -> "PUSH_BEYOND"

\* under-way-is-stored                                                     (for Judge, by S15a)
JudgeByAccepted(identity, number) ==
    LET record == worker.records[identity]
    IN  CASE number <= record.accepted -> "PUSH_STORED"
          [] number = record.accepted + 1 -> "PUSH_NEXT"
          [] OTHER -> "PUSH_BEYOND"

\* unfenced: the write of a killed worker lands late.                     (for Fenced, by S15b)
Unfenced(underWay) == underWay

\* stored-out-of-order                                                     (for Judge, by S15c)
JudgeByUnderWay(identity, number) == IF UnderWay(identity, number) THEN "PUSH_UNDER_WAY" ELSE "PUSH_NEXT"

\* sends-once: a failed request is not repeated.                            (for Failed, by R6)
NothingDone(s, number, event) == Closed(s, number)

\* push-by-identity: a push reaches any responder of its identity.      (for Reaches, by S15b)
ReachesAnybody(push, known) == TRUE

\* resumed-without-record                                              (for Remembers, by S15b)
RemembersAll(record) == TRUE

\* sent-before-resumed                                               (for ResumedOnly, by S15b)
Regardless == FALSE
=============================================================================

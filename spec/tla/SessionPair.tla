----------------------------- MODULE SessionPair -----------------------------
\* Two ends of one Ockam session, and the network between them.
\*
\* Each end is its table (tables/*.tla, generated) and two definitions of this
\* module: the event of a message (Judge), and the result of an effect (Perform).
\*
\*   System       steps of the ends: receive a message, let a timer expire
\*   Environment  orders of the application, loss, duplication
\*
\* Written by hand from the prose, spec/sessions.md. It is validated against the
\* code: it has exactly as many states as the real sessions have in the
\* world of the same bounds, and rejects the same wrong machines in as many steps.
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* A1 A message is a record, no bytes. Reading bytes is a function from bytes to
\*    these records (clause 14); an unreadable message changes no end (S14).
\* A2 An inner address is (role, ordinal, generation). The real one is 128 random
\*    bits. Two of these are equal exactly if two real ones are, because number and
\*    ordinal only grow within a session, so no address is issued twice.
\* A3 A timer is armed or not; its expiry time is left open. Real durations allow
\*    a subset of these behaviours: claims made here hold for all durations.
\* A4 A back-off with and without delay is one timer, for the same reason.
\* A5 The network does not keep the payload of data: no decision reads it. Held
\*    messages are kept, by number where Distinct is TRUE; else they are all alike.
\* A6 One host at the responder's address, and one session. A responder that closed
\*    is discarded; its successor has another ordinal (clause 2.3).
\* A7 Notifications of the owner are left out: no effect NOTIFY_* changes an end.
\* A8 Generations and Spawns bound the numbers. A step beyond a bound does not
\*    exist; all claims hold within the bounds.
\*
\* A9 A request is a message that is sent again after its generation has ended (6.6).
\*    It is never answered and never expires: Request.tla models outcomes.
\*    So these behaviours are a subset of those of real sessions, and a counterexample is real.
\* A10 A restart loses all state. An explicit initiator is opened again by its
\*    supervisor, a system step. (With state: clause 4.1, checked by the explorer.)
\*
\* Left out: errors from below, profile `ockam`. SessionTrace adds those of real
\* runs.
EXTENDS Integers, Sequences, FiniteSets, Bags, Network, Table

CONSTANTS
    InitiatorDecide(_, _, _, _),    \* the tables: state, event, counters, limits
    ResponderDecide(_, _, _, _),
    InitiatorEvents,                \* the events of each table
    ResponderEvents,
    Limits,                         \* the largest value of each counter of each role
    Orders,                         \* how often each role's application gives each order, and
                                    \* how often the role restarts: RESTART
    Distinct,                       \* messages of the application are distinguished
    Generations,                    \* the largest number of a generation
    Spawns                          \* how many responders a host may make in one life

VARIABLES
    ends,       \* the state of each end, by role
    network,    \* the messages in flight, a bag
    orders      \* the orders, and restarts, that each role has left

vars == <<ends, network, orders>>

Roles == {"initiator", "responder"}
Peer(role) == IF role = "initiator" THEN "responder" ELSE "initiator"
States == {"IDLE", "NEGOTIATING", "ESTABLISHED", "TIMED_OUT", "RENEGOTIATING", "CLOSED"}
Decide(role, end, event) ==
    IF role = "initiator"
    THEN InitiatorDecide(end.state, event, end.counters, Limits.initiator)
    ELSE ResponderDecide(end.state, event, end.counters, Limits.responder)
Listens(role, event) == event \in IF role = "initiator" THEN InitiatorEvents ELSE ResponderEvents

-----------------------------------------------------------------------------
\* GENERATIONS (clause 4.1)

\* Ordered by number, then by starter: the responder is smaller.
Less(one, other) ==
    \/ one.number < other.number
    \/ one.number = other.number /\ one.starter = "responder" /\ other.starter = "initiator"
Same(one, other) == one.number = other.number /\ one.starter = other.starter
Rank(of) == [number |-> of.number, starter |-> of.starter]
Nothing == [number |-> 0, starter |-> "responder"]

\* A generation as one end knows it. peer: the ordinal of the worker at the other
\* side, 0 until the messaging route is learned. Number 0: there is none.
NoLink == [number |-> 0, starter |-> "responder", peer |-> 0, resumed |-> FALSE]
Link(number, starter, peer, resumed) ==
    [number |-> number, starter |-> starter, peer |-> peer, resumed |-> resumed]
Exists(link) == link.number > 0

-----------------------------------------------------------------------------
\* MESSAGES (clause 14.3)

\* sender and receiver are ordinals, 0 where the address has none: a host's, a
\* contact's. resumed belongs to an answer, seen to a superseded. A close at a contact
\* (receiver 0) names a generation: sender is its starter, seen the largest number.
Message(to, kind, of, sender, receiver) ==
    [to |-> to, kind |-> kind, number |-> of.number, starter |-> of.starter,
     sender |-> sender, receiver |-> receiver, resumed |-> FALSE, seen |-> 0]
NoMessage == Message("nobody", "none", Nothing, 0, 0)

\* A message of the application. again: it has left before, in another generation.
Outgoing(tag, request) == [tag |-> tag, request |-> request, again |-> FALSE]
AnyData == Outgoing(0, FALSE)

\* The event of a message at its receiver, by the kind of the message.
Heard(kind) ==
    CASE kind = "data" -> "DATA_RECEIVED"
      [] kind = "keepalive" -> "KEEPALIVE_RECEIVED"
      [] kind = "keepalive-answer" -> "KEEPALIVE_ANSWERED"
      [] kind = "close" -> "CLOSE_RECEIVED"
      [] kind = "going-away" -> "GOING_AWAY_RECEIVED"
      [] kind = "error" -> "ERROR_RECEIVED"     \* sent by nodes, not by ends (SessionTrace)

-----------------------------------------------------------------------------
\* ENDS

\* An end between two events. seen: the largest (number, starter) it has used or
\* learned, or whose answer was confirmed. established: the generation adopted last; peer is
\* the starter's ordinal. waiting: held messages; pending: requests that have left.
\* rested: a back-off has expired since its last attempt; only S16 reads it.
\* accepted: how many messages it has accepted, where they are distinguished.
Fresh(ordinal) ==
    [ordinal |-> ordinal, state |-> "IDLE",
     counters |-> [attempts |-> 0, held |-> 0, misses |-> 0, usable |-> 0, confirmed |-> 0, resting |-> 0],
     seen |-> Nothing, attempt |-> NoLink, current |-> NoLink, established |-> NoLink,
     waiting |-> <<>>, pending |-> <<>>,
     hasState |-> FALSE, rested |-> TRUE, accepted |-> 0, timers |-> {}]

\* The workers of a role are numbered through all of its lives. A host has Spawns + 1
\* numbers in each, of which the first is unused; an initiator uses one of them.
Life(ordinal) == ordinal \div (Spawns + 1)
NextLife(ordinal) == ordinal + Spawns + 1

Started(before, after, role) ==
    Exists(after.attempt) /\ after.attempt.starter = role /\ after.attempt # before.attempt

-----------------------------------------------------------------------------
\* CLASSIFICATION (Appendix A): the events of a message at an end

\* The largest generation that an end knows, including an answer that waits to be confirmed.
Largest(end) == IF Exists(end.attempt) /\ Less(end.seen, end.attempt) THEN Rank(end.attempt) ELSE end.seen

\* The generation that a close without a messaging route names: the last established
\* one, else that of the attempt, if the closing end started it.
Closing(end, role, closer) ==
    LET attempt == end.attempt
        starter == IF attempt.starter = role THEN end.ordinal ELSE attempt.peer
    IN  CASE Exists(end.established) -> end.established
          [] Exists(attempt) /\ attempt.starter = closer -> Link(attempt.number, attempt.starter, starter, FALSE)
          [] OTHER -> NoLink

\* The generation whose inner address a message reached.
At(end, message) ==
    CASE message.receiver # end.ordinal -> NoLink
      [] Exists(end.attempt) /\ Same(end.attempt, message) -> end.attempt
      [] Exists(end.current) /\ Same(end.current, message) -> end.current
      [] OTHER -> NoLink

JudgeHello(end, hello) ==
    LET answered(link) == Exists(link) /\ Same(link, hello) /\ link.peer = hello.sender
    IN  CASE answered(end.attempt) \/ answered(end.current) -> "HELLO_REPEATED"
          [] Less(Largest(end), hello) -> "HELLO_NEWER"
          [] OTHER -> "HELLO_OLDER"

JudgeAnswer(end, role, answer) ==
    LET own(link) == Exists(link) /\ link.number = answer.number /\ link.starter = role
    IN  CASE own(end.attempt) -> "ANSWER_CURRENT"
          [] own(end.current) /\ end.current.peer # answer.sender -> "ANSWER_CHANGED"
          [] OTHER -> "ANSWER_STALE"

JudgeClose(end, role, close) ==
    LET named == Closing(end, role, Peer(role))
        isNamed == Exists(named) /\ Same(named, close) /\ named.peer = close.sender
    IN  IF isNamed /\ close.seen >= Largest(end).number THEN "CLOSE_AT_CONTACT" ELSE "STRAY"

\* The events of a message, in the order in which the table receives them.
Judge(end, role, message) ==
    LET link == At(end, message)
        ownAttempt == link = end.attempt /\ link.starter = role
        heard == IF Listens(role, Heard(message.kind)) THEN Heard(message.kind) ELSE "STRAY"
    IN  CASE message.kind = "hello" ->
               <<IF Listens(role, "HELLO_NEWER") THEN JudgeHello(end, message) ELSE "STRAY">>
          [] message.kind = "close" /\ message.receiver = 0 ->
               <<IF Listens(role, "CLOSE_AT_CONTACT") THEN JudgeClose(end, role, message) ELSE "STRAY">>
          [] ~Exists(link) -> <<"STRAY">>
          [] message.kind = "answer" ->
               <<IF Listens(role, "ANSWER_CURRENT") THEN JudgeAnswer(end, role, message) ELSE "STRAY">>
          [] message.kind = "superseded" -> <<IF ownAttempt THEN "SUPERSEDED" ELSE "STRAY">>
          [] ownAttempt -> <<IF message.kind \in {"close", "going-away", "error"} THEN Heard(message.kind) ELSE "STRAY">>
          [] link = end.attempt /\ Exists(end.current) -> <<"PREVIOUS_ENDED", "CONFIRMED", heard>>
          [] link = end.attempt -> <<"CONFIRMED", heard>>
          [] OTHER -> <<heard>>

-----------------------------------------------------------------------------
\* EFFECTS (Appendix B)

\* A run is one event being handled: the end so far, the messages that it has sent, the
\* messages of the application that have left or are dead letters, the effects
\* performed (properties read them), and whether a bound was passed, in which case
\* the step does not exist. again: requests that the table has yet to receive.
Run(end) ==
    [end |-> end, sent |-> <<>>, left |-> <<>>, gone |-> <<>>, again |-> <<>>,
     performed |-> <<>>, beyond |-> FALSE]

Count(sequence, item) == Cardinality({i \in DOMAIN sequence : sequence[i] = item})
Has(sequence, item) == Count(sequence, item) > 0

Send(run, message) == [run EXCEPT !.sent = Append(@, message)]
Arm(run, timer) == [run EXCEPT !.end.timers = @ \union {timer}]

\* Nothing is sent while the route is unknown.
SayIn(run, role, kind, link) ==
    IF link.peer = 0 THEN run ELSE Send(run, Message(Peer(role), kind, link, run.end.ordinal, link.peer))

\* An end sends in the current generation, else in the attempt that it has answered.
Speaking(end) == IF Exists(end.current) THEN end.current ELSE end.attempt
Say(run, role, kind) == SayIn(run, role, kind, Speaking(run.end))

\* A peer whose new attempt this end has answered has forgotten the generation before it (clause 3.8).
SayLast(run, role, kind) ==
    SayIn(run, role, kind, IF run.end.attempt.peer # 0 THEN run.end.attempt ELSE run.end.current)

\* Without a messaging route a close takes the initialization route, if the end has one.
HasWayBack(role) == role = "initiator" \/ Listens("initiator", "HELLO_NEWER")
Farewell(run, role) ==
    LET end == run.end
        named == Closing(end, role, role)
        close == [Message(Peer(role), "close", named, named.peer, 0) EXCEPT !.seen = Largest(end).number]
    IN  CASE end.attempt.peer # 0 \/ Exists(end.current) -> SayLast(run, role, "close")
          [] Exists(named) /\ HasWayBack(role) -> Send(run, close)
          [] OTHER -> run
SayClose(run, role) == Farewell(run, role)

\* Data leaves, in order. Requests are pending from then on. There is no recursion, because
\* any number of messages may leave at once, and TLC's stack is finite.
Transmit(run, role, leaving) ==
    LET link == Speaking(run.end)
        said == Message(Peer(role), "data", link, run.end.ordinal, link.peer)
        isRequest(one) == one.request
    IN  [run EXCEPT !.sent = IF link.peer = 0 THEN @ ELSE @ \o [i \in DOMAIN leaving |-> said],
                    !.left = @ \o leaving,
                    !.end.pending = @ \o SelectSeq(leaving, isRequest)]

ForwardHeld(run, role) ==
    LET waiting == run.end.waiting
    IN  Transmit([run EXCEPT !.end.waiting = <<>>], role,
                 [i \in DOMAIN waiting |-> [waiting[i] EXCEPT !.again = FALSE]])
DiscardHeld(run) == [run EXCEPT !.gone = @ \o run.end.waiting, !.end.waiting = <<>>]

\* The message held last is withdrawn (clause 6.7).
TakeBack(run) ==
    LET last == Len(run.end.waiting)
    IN  [run EXCEPT !.gone = Append(@, run.end.waiting[last]), !.end.waiting = SubSeq(@, 1, last - 1)]

\* Reissued messages wait before all others, in order (clause 7.4).
HoldAgain(run, outgoing) ==
    LET again(one) == one.again
        waiting == run.end.waiting
        place == Len(SelectSeq(waiting, again))
        first == SubSeq(waiting, 1, place)
    IN  [run EXCEPT !.end.waiting =
            first \o <<[outgoing EXCEPT !.again = TRUE]>> \o SubSeq(waiting, place + 1, Len(waiting))]

StartAttempt(run, role) ==
    LET number == run.end.seen.number + 1
    IN  [run EXCEPT !.end.attempt = Link(number, role, 0, FALSE),
                    !.end.seen = [number |-> number, starter |-> role],
                    !.beyond = @ \/ number > Generations]

AcceptAttempt(run, hello) ==
    [run EXCEPT !.end.attempt = Link(hello.number, hello.starter, hello.sender, run.end.hasState)]

SendAnswer(run, role, hello) ==
    LET end == run.end
        link == IF Exists(end.attempt) /\ Same(end.attempt, hello) THEN end.attempt ELSE end.current
        answer == Message(Peer(role), "answer", link, end.ordinal, hello.sender)
    IN  Send(run, [answer EXCEPT !.resumed = link.resumed])

SendSuperseded(run, role, hello) ==
    Send(run, [Message(Peer(role), "superseded", hello, 0, hello.sender) EXCEPT !.seen = run.end.seen.number])

CatchUp(run, superseded) ==
    LET learned == [number |-> superseded.seen, starter |-> "responder"]
    IN  [run EXCEPT !.end.seen = IF Less(@, learned) THEN learned ELSE @]

\* An answer also gives the starter its messaging route. The number of a hello counts
\* from here on: until its answer is confirmed, it is discarded with the attempt.
Adopted(run, role, cause) ==
    LET attempt == run.end.attempt
        own == attempt.starter = role
        adopted == IF cause.kind = "answer"
                   THEN [attempt EXCEPT !.peer = cause.sender, !.resumed = cause.resumed]
                   ELSE attempt
        starter == IF own THEN run.end.ordinal ELSE attempt.peer
    IN  [run EXCEPT !.end.current = adopted, !.end.attempt = NoLink, !.end.hasState = TRUE,
                    !.end.seen = IF ~own /\ Less(@, attempt) THEN Rank(attempt) ELSE @,
                    !.end.established = Link(attempt.number, attempt.starter, starter, FALSE)]
AdoptLink(run, role, cause) == Adopted(run, role, cause)

\* cause: a message of the peer or of the application.
Perform(run, role, effect, cause) ==
    CASE effect = "STOP_TIMERS"         -> [run EXCEPT !.end.timers = {}]
      [] effect = "START_NEGOTIATION"   -> Arm(run, "NEGOTIATION_EXPIRED")
      [] effect = "START_BACK_OFF"      -> Arm(run, "BACK_OFF_EXPIRED")
      [] effect = "START_ZERO_BACK_OFF" -> Arm(run, "BACK_OFF_EXPIRED")
      [] effect = "START_KEEPALIVE"     -> Arm(run, "KEEPALIVE_DUE")
      [] effect = "START_IDLE"          -> Arm(run, "IDLE_EXPIRED")
      [] effect = "START_RETENTION"     -> Arm(run, "RETENTION_EXPIRED")
      [] effect = "SEND_DATA"           -> Transmit(run, role, <<cause>>)
      [] effect = "SEND_KEEPALIVE"      -> Say(run, role, "keepalive")
      [] effect = "ANSWER_KEEPALIVE"    -> Say(run, role, "keepalive-answer")
      [] effect = "SEND_CLOSE"          -> SayClose(run, role)
      [] effect = "SEND_GOING_AWAY"     -> SayLast(run, role, "going-away")
      [] effect = "FORWARD_HELD"        -> ForwardHeld(run, role)
      [] effect = "HOLD"                -> [run EXCEPT !.end.waiting = Append(@, cause)]
      [] effect = "HOLD_AGAIN"          -> HoldAgain(run, cause)
      [] effect = "DISCARD_HELD"        -> DiscardHeld(run)
      [] effect = "TAKE_BACK"           -> TakeBack(run)
      [] effect = "RETIRE_REQUESTS"     -> [run EXCEPT !.again = run.end.pending, !.end.pending = <<>>]
      [] effect = "FAIL_REQUESTS"       -> [run EXCEPT !.end.pending = <<>>]
      [] effect = "START_ATTEMPT"       -> StartAttempt(run, role)
      [] effect = "SEND_HELLO"          ->
           Send(run, Message(Peer(role), "hello", run.end.attempt, run.end.ordinal, 0))
      [] effect = "ACCEPT_ATTEMPT"      -> AcceptAttempt(run, cause)
      [] effect = "SEND_ANSWER"         -> SendAnswer(run, role, cause)
      [] effect = "SEND_SUPERSEDED"     -> SendSuperseded(run, role, cause)
      [] effect = "CATCH_UP"            -> CatchUp(run, cause)
      [] effect = "ADOPT_LINK"          -> AdoptLink(run, role, cause)
      [] effect = "DROP_ATTEMPT"        -> [run EXCEPT !.end.attempt = NoLink]
      [] effect = "END_CURRENT"         -> [run EXCEPT !.end.current = NoLink]
      [] effect = "FORGET_ROUTE"        -> [run EXCEPT !.end.attempt = NoLink, !.end.current = NoLink]
      [] OTHER                          -> run      \* A7, A9: no state of an end here

RECURSIVE PerformAll(_, _, _, _)
PerformAll(run, role, effects, cause) ==
    IF effects = <<>> THEN run
    ELSE PerformAll(Perform(run, role, Head(effects), cause), role, Tail(effects), cause)

-----------------------------------------------------------------------------
\* HANDLING: the table decides, and its effects are carried out

\* A host creates a responder for a newer hello; A6: its ordinal is the next one.
Spawned(run, role, event) ==
    IF event = "HELLO_NEWER" /\ role = "responder" /\ run.end.state = "IDLE"
    THEN [run EXCEPT !.end.ordinal = @ + 1, !.beyond = @ \/ Life(run.end.ordinal + 1) > Life(run.end.ordinal)]
    ELSE run

Decided(run, role, event, cause) ==
    LET made == Spawned(run, role, event)
        decision == Decide(role, made.end, event)
        moved == [made EXCEPT !.end.state = decision.state, !.end.counters = decision.counters,
                              !.performed = @ \o decision.effects]
    IN  IF decision.verdict = "row"
        THEN PerformAll(moved, role, decision.effects, cause)
        ELSE made

\* Requests whose generation has ended come back to the table one by one.
RECURSIVE Reissued(_, _)
Reissued(run, role) ==
    IF run.again = <<>> THEN run
    ELSE Reissued(Decided([run EXCEPT !.again = Tail(@)], role, "REISSUE", Head(run.again)), role)

Take(run, role, event, cause) == Reissued(Decided(run, role, event, cause), role)

RECURSIVE TakeAll(_, _, _, _)
TakeAll(run, role, events, cause) ==
    IF events = <<>> THEN run
    ELSE TakeAll(Take(run, role, Head(events), cause), role, Tail(events), cause)

\* The state of an end after an event. A host discards a responder that closed, and one
\* that is still in IDLE after its hello.
After(before, end, role, rested) ==
    IF role = "responder" /\ end.state \in {"CLOSED", "IDLE"}
    THEN [Fresh(end.ordinal) EXCEPT !.timers = end.timers, !.accepted = end.accepted]
    ELSE [end EXCEPT !.rested = rested /\ ~Started(before, end, role)]

\* The result of a run is the next state of an end, and its messages are sent.
Land(role, run, rested, remaining) ==
    /\ ~run.beyond
    /\ ends' = [ends EXCEPT ![role] = After(@, run.end, role, rested)]
    /\ network' = With(remaining, run.sent)

Received(message) ==
    LET role == message.to
    IN  TakeAll(Run(ends[role]), role, Judge(ends[role], role, message), message)

\* The supervisor's timer is an order (A10); a request is a message to the table.
EventOf(what) == CASE what = "REOPEN" -> "OPEN" [] what = "REQUEST" -> "SEND" [] OTHER -> what
Expired(role, timer) ==
    Take(Run([ends[role] EXCEPT !.timers = @ \ {timer}]), role, EventOf(timer), NoMessage)

HandsOver(order) == order \in {"SEND", "REQUEST"}
Handed(end, order) ==
    IF HandsOver(order)
    THEN Outgoing(IF Distinct THEN end.accepted + 1 ELSE 0, order = "REQUEST")
    ELSE NoMessage
Ordered(role, order) ==
    LET end == ends[role]
        counted == [end EXCEPT !.accepted = IF Distinct /\ HandsOver(order) THEN @ + 1 ELSE @]
    IN  Take(Run(counted), role, EventOf(order), Handed(end, order))

-----------------------------------------------------------------------------
\* THE SYSTEM

Deliver(message) ==
    /\ Land(message.to, Received(message), ends[message.to].rested, Without(network, message))
    /\ UNCHANGED orders

Expire(role, timer) ==
    /\ timer \in ends[role].timers
    /\ Land(role, Expired(role, timer), ends[role].rested \/ timer = "BACK_OFF_EXPIRED", network)
    /\ UNCHANGED orders

System ==
    \/ \E message \in Present(network) : Deliver(message)
    \/ \E role \in Roles : \E timer \in ends[role].timers : Expire(role, timer)

-----------------------------------------------------------------------------
\* THE ENVIRONMENT

\* Each order or restart of a role uses up one of its bounded number.
Spends(role, order) ==
    /\ orders[role][order] > 0
    /\ orders' = [orders EXCEPT ![role][order] = @ - 1]

\* An order that the table refuses or ignores is not possible; nor is one without an end.
IsThere(role) == ~(role = "responder" /\ ends[role].state = "IDLE")
Possible(role, order) ==
    /\ IsThere(role)
    /\ Listens(role, EventOf(order))
    /\ Decide(role, ends[role], EventOf(order)).verdict = "row"
Order(role, order) ==
    /\ Spends(role, order)
    /\ Possible(role, order)
    /\ Land(role, Ordered(role, order), ends[role].rested, network)

\* Where there is a session, it is lost (A10). An initiator that is opened by order is
\* opened again.
IsOpenedByOrder(role) == role = "initiator" /\ Decide(role, Fresh(1), "OPEN").verdict = "row"
Reborn(role, end) ==
    [Fresh(NextLife(end.ordinal)) EXCEPT
        !.accepted = end.accepted,
        !.timers = IF IsOpenedByOrder(role) THEN {"REOPEN"} ELSE {}]
Restart(role) ==
    /\ Spends(role, "RESTART")
    /\ ends[role].state \notin {"IDLE", "CLOSED"}
    /\ ends' = [ends EXCEPT ![role] = Reborn(role, @)]
    /\ UNCHANGED network

Drop(message) ==
    /\ network' = Without(network, message)
    /\ UNCHANGED <<ends, orders>>

\* A duplicate is delivered while another copy stays.
Duplicate(message) ==
    /\ Land(message.to, Received(message), ends[message.to].rested, network)
    /\ UNCHANGED orders

Environment ==
    \/ \E role \in Roles : \E order \in DOMAIN Orders[role] : Order(role, order)
    \/ \E role \in Roles : Restart(role)
    \/ \E message \in Present(network) : Drop(message) \/ Duplicate(message)

-----------------------------------------------------------------------------
Init ==
    /\ ends = [initiator |-> Fresh(1), responder |-> Fresh(0)]
    /\ network = EmptyBag
    /\ orders = Orders

Next == System \/ Environment

Spec == Init /\ [][Next]_vars
=============================================================================

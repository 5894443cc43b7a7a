-------------------------------- MODULE Node --------------------------------
\* A node: its connections to several destinations, and workers of which one fails.
\* A model of two ends of one session cannot show these (clauses 2.2, 10.2, 14.1).
\*
\* A connection is an implicit transient session (14.1): the request to connect is
\* its hello, the established connection is its answer, a frame is data. So its table is
\* tables/ImplicitTransientInitiator.tla, that of a worker is
\* tables/SupervisedWorker.tla, and this module defines how a node uses them.
\*
\*   System       the node and its destinations receive messages, timers expire
\*   Environment  the application sends, to destinations and to workers; a destination
\*                hangs up; the links lose
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* N1 A connection's name is a number: the count of connections when it was made. The real
\*    one is 128 random bits. Neither is ever issued twice, and only the identity of a name
\*    matters: a late message names a connection that is gone.
\* N2 Held messages are counted, not kept. No decision of any table reads one; the explorer
\*    checks that each leaves in order (S11, S13).
\* N3 A timer is armed or not; its expiry time is left open. Real durations allow a
\*    subset of these behaviours: claims made here hold for all durations.
\* N4 All consequences of one input in the node are one step. A node has one queue, and no
\*    other input enters before it is empty, so intermediate states are not observable.
\* N5 A destination accepts every request, and has one connection, the last. Losses express
\*    the rest: one that refuses has its answer lost and hangs up, one that is
\*    silent has all its messages lost.
\* N6 A message for a worker is "work" or "bad"; the handler raises for a bad one. Nothing
\*    else of a handler affects its supervision.
\* N7 The address of a stopped worker is gone. Its table already covers this: a
\*    message for it is a dead letter, whether for the worker or for the address.
\* N8 Connections bounds the names. A step beyond the bound does not exist; all
\*    claims hold within it.
\*
\* Validation against the code: it has exactly as many states and transitions as the real
\* node in the world of the same bounds (node:neighbours), and rejects the same wrong
\* nodes in as many steps.
\*
\* Left out: keepalives (a connection has no frame for them), the idle timer (a setting,
\* and by default an unused connection stays), messages from outside for a worker,
\* and sessions over a connection.
EXTENDS Integers, Sequences, Links

CONSTANTS
    Connections,    \* how many connections the node may make
    Limits,         \* the largest value of each counter of a connection, of a worker
    Orders,         \* how often the application gives each order
    HangUps         \* how often each destination may hang up

VARIABLES
    connections,    \* the existing connections, by name
    made,           \* the number of connections made so far
    taking,         \* by destination: the connection for its next message
    workers,        \* the state of each worker, by name
    peers,          \* by destination: its connection
    links,          \* the messages in flight
    orders,         \* the orders that the application has left
    hangUps         \* how often each destination may still hang up

vars == <<connections, made, taking, workers, peers, links, orders, hangUps>>

ConnectionTable == INSTANCE ImplicitTransientInitiator
WorkerTable == INSTANCE SupervisedWorker

Destinations == DOMAIN HangUps
Workers == {"failing", "steady"}
None == 0       \* no connection has this name

To(destination) == <<"node", destination>>
From(destination) == <<destination, "node">>
AllLinks == {To(one) : one \in Destinations} \union {From(one) : one \in Destinations}

\* The node sends hello, data and disconnect; a destination sends answer and lost. Each
\* names one connection.
Message(kind, via) == [kind |-> kind, via |-> via]

-----------------------------------------------------------------------------
\* CONNECTIONS

Fresh(to) ==
    [to |-> to, state |-> ConnectionTable!Initial,
     counters |-> [held |-> 0, misses |-> 0], timers |-> {}]

Decide(connection, event) ==
    ConnectionTable!Decide(connection.state, event, connection.counters, Limits.connection)

\* A run is one event being handled: the connection so far, and its sent messages.
Run(connection) == [connection |-> connection, sent |-> <<>>]

Arm(run, timer) == [run EXCEPT !.connection.timers = @ \union {timer}]
Say(run, kind, via, times) == [run EXCEPT !.sent = @ \o [one \in 1 .. times |-> Message(kind, via)]]

\* held: the count of held messages before the row. Forgetting a route disconnects.
Perform(run, via, effect, held) ==
    CASE effect = "STOP_TIMERS"         -> [run EXCEPT !.connection.timers = {}]
      [] effect = "START_NEGOTIATION"   -> Arm(run, "NEGOTIATION_EXPIRED")
      [] effect = "START_ZERO_BACK_OFF" -> Arm(run, "BACK_OFF_EXPIRED")
      [] effect = "SEND_HELLO"          -> Say(run, "hello", via, 1)
      [] effect = "SEND_DATA"           -> Say(run, "data", via, 1)
      [] effect = "FORWARD_HELD"        -> Say(run, "data", via, held)
      [] effect = "FORGET_ROUTE"        -> Say(run, "disconnect", via, 1)
      [] OTHER                          -> run      \* N2, or left out

RECURSIVE PerformAll(_, _, _, _)
PerformAll(run, via, effects, held) ==
    IF effects = <<>> THEN run
    ELSE PerformAll(Perform(run, via, Head(effects), held), via, Tail(effects), held)

\* A refused order changes nothing: a message that cannot be held is a dead letter.
Take(connection, via, event) ==
    LET decision == Decide(connection, event)
        moved == [connection EXCEPT !.state = decision.state, !.counters = decision.counters]
    IN  IF decision.verdict = "row"
        THEN PerformAll(Run(moved), via, decision.effects, connection.counters.held)
        ELSE Run(connection)

\* The result of a run is the next state. A closed connection is removed.
Closed(run) == run.connection.state = "CLOSED"
Land(via, run, taken, remaining) ==
    LET names == IF Closed(run) THEN DOMAIN connections \ {via} ELSE DOMAIN connections \union {via}
        to == run.connection.to
        now(name) == IF name = via THEN run.connection ELSE connections[name]
    IN  /\ connections' = [name \in names |-> now(name)]
        /\ taking' = IF Closed(run) /\ taken[to] = via THEN [taken EXCEPT ![to] = None] ELSE taken
        /\ links' = With(remaining, To(to), run.sent)

-----------------------------------------------------------------------------
\* MESSAGES FOR A DESTINATION (14.1)

\* The connection for the next message: the live one, else a new one. A failed connection
\* is not repaired, and a new message does not fail with it.
Lives(via) == via # None /\ connections[via].state # "TIMED_OUT"
Taker(to) == IF Lives(taking[to]) THEN taking[to] ELSE made + 1

Sent(to) ==
    LET via == Taker(to)
    IN  Take(IF via > made THEN Fresh(to) ELSE connections[via], via, "SEND")

-----------------------------------------------------------------------------
\* MESSAGES FOR WORKERS (10.2)

NewWorker == [state |-> WorkerTable!Initial, counters |-> [failures |-> 0], timers |-> {}]

DecideWorker(worker, event) ==
    WorkerTable!Decide(worker.state, event, worker.counters, Limits.worker)

Timing(timers, effect) ==
    CASE effect = "STOP_TIMERS"    -> {}
      [] effect = "START_BACK_OFF" -> timers \union {"RESTART_DUE"}
      [] effect = "START_QUIET"    -> timers \union {"QUIET_LONG_ENOUGH"}
      [] OTHER                     -> timers

RECURSIVE TimingAll(_, _)
TimingAll(timers, effects) ==
    IF effects = <<>> THEN timers ELSE TimingAll(Timing(timers, Head(effects)), Tail(effects))

\* A worker after an event for which its table has a row.
Moved(worker, event) ==
    LET decision == DecideWorker(worker, event)
    IN  [state |-> decision.state, counters |-> decision.counters,
         timers |-> TimingAll(worker.timers, decision.effects)]

\* The workers after the handler of one of them has raised.
Raised(all, name) == [all EXCEPT ![name] = Moved(@, "HANDLER_RAISED")]

\* The messages of an order with their receivers, in this order.
Letter(to, payload) == [to |-> to, payload |-> payload]
Letters(order) ==
    CASE order = "FAIL"          -> <<Letter("failing", "bad")>>
      [] order = "FAIL_AND_WORK" -> <<Letter("failing", "bad"), Letter("steady", "work")>>
FailingOrders == {"FAIL", "FAIL_AND_WORK"}

\* Deliver messages one after another; collect the handled ones and the dead letters.
Begin == [workers |-> workers, handled |-> {}, dead |-> {}]
Handle(run, letter) ==
    LET handles == DecideWorker(run.workers[letter.to], "MESSAGE_RECEIVED").verdict = "row"
    IN  CASE handles /\ letter.payload = "work" -> [run EXCEPT !.handled = @ \union {letter}]
          [] handles -> [run EXCEPT !.workers = Raised(@, letter.to), !.dead = @ \union {letter}]
          [] OTHER -> [run EXCEPT !.dead = @ \union {letter}]

RECURSIVE HandleAll(_, _)
HandleAll(run, letters) ==
    IF letters = <<>> THEN run ELSE HandleAll(Handle(run, Head(letters)), Tail(letters))

-----------------------------------------------------------------------------
\* THE SYSTEM

\* The node receives a message about a connection. One about a removed connection is ignored.
Heard(kind) ==
    CASE kind = "answer" -> "ANSWER_CURRENT"
      [] kind = "lost" -> "LOWER_LAYER_LOST"
Told(message) == Take(connections[message.via], message.via, Heard(message.kind))

NodeHears(message, remaining) ==
    /\ IF message.via \in DOMAIN connections
       THEN Land(message.via, Told(message), taking, remaining)
       ELSE links' = remaining /\ UNCHANGED <<connections, taking>>
    /\ UNCHANGED <<made, workers, peers, orders, hangUps>>

\* A destination receives a message about a connection, and answers a hello.
DestinationHears(to, message, remaining) ==
    /\ peers' = [peers EXCEPT ![to] =
                    CASE message.kind = "hello" -> message.via
                      [] message.kind = "disconnect" /\ @ = message.via -> None
                      [] OTHER -> @]
    /\ links' = IF message.kind = "hello"
                THEN With(remaining, From(to), <<Message("answer", message.via)>>)
                ELSE remaining
    /\ UNCHANGED <<connections, made, taking, workers, orders, hangUps>>

Deliver(link) ==
    LET message == First(links, link)
        remaining == Without(links, link)
    IN  IF link = From(link[1])
        THEN NodeHears(message, remaining)
        ELSE DestinationHears(link[2], message, remaining)

Expire(via, timer) ==
    /\ Land(via, Take([connections[via] EXCEPT !.timers = @ \ {timer}], via, timer), taking, links)
    /\ UNCHANGED <<made, workers, peers, orders, hangUps>>

ExpireWorker(name, timer) ==
    /\ workers' = [workers EXCEPT ![name] = Moved([@ EXCEPT !.timers = @ \ {timer}], timer)]
    /\ UNCHANGED <<connections, made, taking, peers, links, orders, hangUps>>

System ==
    \/ \E link \in Busy(links) : Deliver(link)
    \/ \E via \in DOMAIN connections : \E timer \in connections[via].timers : Expire(via, timer)
    \/ \E name \in Workers : \E timer \in workers[name].timers : ExpireWorker(name, timer)

-----------------------------------------------------------------------------
\* THE ENVIRONMENT

Send(to) ==
    LET via == Taker(to)
    IN  /\ orders.SEND[to] > 0
        /\ via <= Connections
        /\ Land(via, Sent(to), [taking EXCEPT ![to] = via], links)
        /\ made' = IF via > made THEN via ELSE made
        /\ orders' = [orders EXCEPT !.SEND[to] = @ - 1]
        /\ UNCHANGED <<workers, peers, hangUps>>

Fail(order) ==
    /\ orders[order] > 0
    /\ workers' = HandleAll(Begin, Letters(order)).workers
    /\ orders' = [orders EXCEPT ![order] = @ - 1]
    /\ UNCHANGED <<connections, made, taking, peers, links, hangUps>>

HangUp(to) ==
    /\ hangUps[to] > 0
    /\ peers[to] # None
    /\ peers' = [peers EXCEPT ![to] = None]
    /\ links' = With(links, From(to), <<Message("lost", peers[to])>>)
    /\ hangUps' = [hangUps EXCEPT ![to] = @ - 1]
    /\ UNCHANGED <<connections, made, taking, workers, orders>>

Drop(link) ==
    /\ links' = Without(links, link)
    /\ UNCHANGED <<connections, made, taking, workers, peers, orders, hangUps>>

Environment ==
    \/ \E to \in Destinations : Send(to) \/ HangUp(to)
    \/ \E order \in FailingOrders : Fail(order)
    \/ \E link \in Busy(links) : Drop(link)

-----------------------------------------------------------------------------
Init ==
    /\ connections = [via \in {} |-> Fresh(None)]      \* there is none
    /\ made = 0
    /\ taking = [to \in Destinations |-> None]
    /\ workers = [name \in Workers |-> NewWorker]
    /\ peers = [to \in Destinations |-> None]
    /\ links = [link \in AllLinks |-> <<>>]
    /\ orders = Orders /\ hangUps = HangUps

Next == System \/ Environment

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
\* S10: a message, and only a message, creates the connection of its destination, which
\* has at most one live one; messages over an established one wait for no other.
Of(to) == {via \in DOMAIN connections : connections[via].to = to}
In(states, to) == {via \in Of(to) : connections[via].state \in states}
Live(to) == In({"NEGOTIATING", "ESTABLISHED"}, to)
Standing(to) == In({"ESTABLISHED"}, to)

IsSent(to) == orders'.SEND[to] < orders.SEND[to]
Made(to) == Of(to)' \ Of(to)
SaysHello(to) ==
    LET before == Len(links[To(to)])
        after == Len(links'[To(to)])
    IN  after > before /\ links'[To(to)][after].kind = "hello"

S10_OneConnectionEach ==
    [][\A to \in Destinations :
         /\ Cardinality(Live(to)') <= 1
         /\ Made(to) # {} \/ SaysHello(to) => IsSent(to)
         /\ IsSent(to) => \A via \in Standing(to) : Sent(to).sent = <<Message("data", via)>>]_vars

-----------------------------------------------------------------------------
\* S14: a worker that raises changes no other worker and no connection, and its lost
\* message is a dead letter.
HasFailed(order) == orders'[order] < orders[order]
Handled(order) == HandleAll(Begin, Letters(order))

S14_FailureStaysWhereItIs ==
    [][/\ workers'.steady.state = "RUNNING"
       /\ \A order \in FailingOrders : HasFailed(order) =>
            /\ workers'.steady = workers.steady
            /\ UNCHANGED <<connections, made, taking>>
            /\ Letter("failing", "bad") \in Handled(order).dead
            /\ order = "FAIL_AND_WORK" => Letter("steady", "work") \in Handled(order).handled]_vars

-----------------------------------------------------------------------------
\* W10 to W12: witnesses, so that nothing holds vacuously. Each claims that it never
\* happens, and must be REFUTED.

\* Both destinations have a live connection.
Never_W10 == ~\A to \in Destinations : Live(to) # {}

\* A destination is connected to again, while the failed connection still exists.
Never_W11 == [][\A to \in Destinations : In({"TIMED_OUT"}, to) # {} => Made(to) = {}]_vars

\* A worker is stopped for failing too often while its neighbour continues.
Never_W12 == ~(workers.failing.state = "STOPPED" /\ workers.steady.state = "RUNNING")

-----------------------------------------------------------------------------
\* Wrong nodes: each operator replaces the one
\* after "for" and is rejected by the property after "by" (models/*.cfg).

\* connection-per-message: every message makes a connection.    (for Taker, by S10)
AnotherEachTime(to) == made + 1

\* crash-takes-neighbours: a failure stops every other worker.  (for Raised, by S14)
RaisedAndStopped(all, name) ==
    [one \in Workers |-> Moved(all[one], IF one = name THEN "HANDLER_RAISED" ELSE "STOP")]
=============================================================================

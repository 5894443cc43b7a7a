------------------------------ MODULE Channel ------------------------------
\* A secure channel: a session whose handshake has three messages, each with its
\* author, and strangers (clauses 18.1 to 18.5).
\*
\* The rows are those of the session's tables (tables/*.tla, generated), as in
\* SessionPair.tla. This module defines the profile `secure`: the three
\* messages, their readers, the window of nonces, and the exhaustion of keys. It also
\* has hosts, which a model of two ends lacks: the wire carries no session id, so
\* each hello creates a separate responder, at one host.
\*
\*   System       steps of the ends: receive a message, let a timer expire
\*   Environment  orders of the initiator's application, loss, duplication, strangers
\*
\*   hello          the starter's key; a stranger can read it, and can send one
\*   answer         the answerer's key and identity
\*   confirmation   the starter's identity
\*   talk           every other message, with a nonce of its direction
\*
\* ABSTRACTIONS, each with the reason why it is sound
\*
\* C1 Cryptography is perfect (Dolev and Yao): a message is a record with its author and
\*    its handshake. A stranger without its keys can keep it, copy it and move it. A test
\*    shows that real messages are read and refused alike (tests/checking).
\* C2 A key and its inner address are one value, (whose, number). Both
\*    are fresh in every attempt, and the number grows, so no value is issued twice.
\* C3 A channel has Nonces in each direction, and a window of a few nonces. Real ones have
\*    thousands. An end that has used its nonces sends no more.
\* C4 Keys change every few messages, and old ones stay as long as the window. So a
\*    rekey is no separate step: the window decides which messages can be read.
\* C5 The kind of data decides its handling: data, a request, its response. The
\*    application of a responder answers every request, in the step that delivers it.
\* C6 A timer is armed or not, and notifications of the owner are left out (SessionPair.tla,
\*    A3, A4 and A7).
\* C7 Generations and Spawns bound the numbers. A step beyond a bound does not exist; all
\*    claims hold within the bounds.
\*
\* Validation against the code: it has exactly as many states and transitions as the real
\* sessions over a symbolic channel in the worlds TYPE:secure and TYPE:secure-strangers,
\* and rejects the same wrong channels, in as many steps where the counterexample is finite.
\*
\* Left out: restarts, reissued requests, two-sided sessions
\* (they need generations on the wire), stolen keys, and altered routes.
EXTENDS Integers, Sequences, FiniteSets, Bags, Network, Table

CONSTANTS
    InitiatorDecide(_, _, _, _),    \* the tables: state, event, counters, limits
    ResponderDecide(_, _, _, _),
    InitiatorEvents,                \* the events of each table
    ResponderEvents,
    Limits,                         \* the largest value of each counter of each role
    Orders,                         \* how often the initiator's application gives each order
    Generations,                    \* the largest number of a generation
    Spawns,                         \* how many responders the host may make
    Capacity,                       \* how many it has at a time
    Nonces,                         \* messages in each direction of a channel
    Reserve,                        \* those that the application may not use
    Lost,                           \* how many in a row may be lost
    Late,                           \* how far behind the newest a message may be
    KeepsAlive,                     \* keepalives are sent and answered
    Duplicates,                     \* how often the network may duplicate
    Strangers                       \* handshakes that a stranger may begin; 0: there is none

VARIABLES
    ends,       \* the initiator and the existing responders, by name
    made,       \* how many responders the host has made
    network,    \* the messages in flight, a bag
    left        \* remaining steps of the environment: orders, duplicates, first messages

vars == <<ends, made, network, left>>

Host == INSTANCE Spawner
RequestTable == INSTANCE SynchronousRequest

-----------------------------------------------------------------------------
\* KEYS AND MESSAGES

Key(whose, number) == <<whose, number>>
KeyOf(generation) == Key("initiator", generation)
ResponderEnd(number) == Key("responder", number)   \* its key is also its name
Stranger == Key("stranger", 1)
Nobody == Key("nobody", 0)

InitiatorEnd == Key("initiator", 0)                \* a name, and no key
Door == Key("host", 0)                          \* the address of first messages

Role(name) == name[1]
Peer(role) == IF role = "initiator" THEN "responder" ELSE "initiator"

\* at: the key of the receiver, which is its address.
Message(at, part, starter, answerer, author) ==
    [at |-> at, part |-> part, starter |-> starter, answerer |-> answerer, author |-> author,
     nonce |-> 0, says |-> "nothing"]
Talk(at, starter, answerer, author, nonce, says) ==
    [Message(at, "talk", starter, answerer, author) EXCEPT !.nonce = nonce, !.says = says]
NoMessage == Message(Nobody, "none", Nobody, Nobody, "nobody")
Outgoing(says) == [NoMessage EXCEPT !.says = says]

-----------------------------------------------------------------------------
\* ENDS

\* The state of a handshake at one end: its own key, the key of its peer, and the kind of the
\* next message. Once that is talk, the channel is open; sent: the nonce of the next message;
\* read: the peer's nonces that the window covers; asked: the requests sent in
\* it. heard: all messages read in it; only S36, S37 and R8 read it.
NoChannel ==
    [own |-> Nobody, peer |-> Nobody, next |-> "nothing",
     sent |-> 0, read |-> {}, asked |-> 0, heard |-> {}]
Handshake(own, peer, next) == [NoChannel EXCEPT !.own = own, !.peer = peer, !.next = next]
Exists(channel) == channel.next # "nothing"

Starter(role, channel) == IF role = "initiator" THEN channel.own ELSE channel.peer
Answerer(role, channel) == IF role = "initiator" THEN channel.peer ELSE channel.own

NoRequest == [state |-> "NONE", reply |-> Nobody]

\* number: the largest generation of an initiator. established: the starter's key in the
\* generation that was adopted last. waiting: held messages. rested: a back-off has expired
\* since the last attempt; no step reads it.
Fresh ==
    [state |-> "IDLE",
     counters |-> [attempts |-> 0, held |-> 0, misses |-> 0, usable |-> 0, confirmed |-> 0, resting |-> 0],
     number |-> 0, attempt |-> NoChannel, current |-> NoChannel, established |-> Nobody,
     waiting |-> <<>>, request |-> NoRequest, rested |-> TRUE, timers |-> {}]

Decide(role, end, event) ==
    IF role = "initiator"
    THEN InitiatorDecide(end.state, event, end.counters, Limits.initiator)
    ELSE ResponderDecide(end.state, event, end.counters, Limits.responder)
Listens(role, event) == event \in IF role = "initiator" THEN InitiatorEvents ELSE ResponderEvents

-----------------------------------------------------------------------------
\* READING (clauses 18.2 and 18.3)

Newest(nonces) == IF nonces = {} THEN -1 ELSE CHOOSE one \in nonces : \A other \in nonces : one >= other

\* Further ahead no key is derived, since the number alone is not authentic.
TooFarAhead(channel, nonce) == nonce > Newest(channel.read) + 1 + Lost
Replayed(channel, nonce) == nonce \in channel.read \/ nonce < Newest(channel.read) - Late
Window(nonces) == {nonce \in nonces : nonce >= Newest(nonces) - Late}

Trusts(role, author) == author = Peer(role)
InHandshake(role, channel, message) ==
    message.starter = Starter(role, channel) /\ message.answerer = Answerer(role, channel)

\* Whether an end can read a message in a channel, and accepts it as its peer's.
Reads(role, channel, message) ==
    /\ message.part = channel.next
    /\ CASE message.part = "answer" ->
              message.starter = channel.own /\ Trusts(role, message.author)
         [] message.part = "confirmation" ->
              InHandshake(role, channel, message) /\ Trusts(role, message.author)
         [] message.part = "talk" ->
              /\ InHandshake(role, channel, message)
              /\ message.author = Peer(role)
              /\ ~TooFarAhead(channel, message.nonce) /\ ~Replayed(channel, message.nonce)
         [] OTHER -> FALSE

\* The channel after it.
AfterReading(channel, message) ==
    CASE message.part = "answer" -> [channel EXCEPT !.peer = message.answerer, !.next = "confirmation"]
      [] message.part = "confirmation" -> [channel EXCEPT !.next = "talk"]
      [] message.part = "talk" -> [channel EXCEPT !.read = Window(@ \union {message.nonce})]

\* Its event at the receiver. A response counts for the pending request of this channel.
Awaited(end, channel) == end.request.state = "PENDING" /\ end.request.reply = channel.own
Heard(says) ==
    CASE says \in {"data", "request", "response"} -> "DATA_RECEIVED"
      [] says = "keepalive" -> "KEEPALIVE_RECEIVED"
      [] says = "keepalive-answer" -> "KEEPALIVE_ANSWERED"
      [] says = "close" -> "CLOSE_RECEIVED"

\* Without keepalives the answer may be the only message that an initiator receives.
Judge(role, end, channel, message) ==
    CASE message.part = "answer" ->
           IF KeepsAlive THEN <<"ANSWER_CURRENT">> ELSE <<"ANSWER_CURRENT", "KEEPALIVE_ANSWERED">>
      [] message.part = "confirmation" -> <<"CONFIRMED">>
      [] message.says = "response" /\ ~Awaited(end, channel) -> <<"STRAY">>
      [] OTHER -> <<IF Listens(role, Heard(message.says)) THEN Heard(message.says) ELSE "STRAY">>

-----------------------------------------------------------------------------
\* EFFECTS (Appendix B)

\* A run is one event being handled: the end so far, the messages that it has sent, the received
\* ones that became dead letters, the effects performed (properties read the last
\* two), and whether a bound was passed, in which case the step does not exist.
Run(name, end) ==
    [name |-> name, end |-> end, sent |-> <<>>, dead |-> <<>>, performed |-> <<>>, beyond |-> FALSE]
Has(sequence, item) == \E i \in DOMAIN sequence : sequence[i] = item

Send(run, message) == [run EXCEPT !.sent = Append(@, message)]
Bury(run, message) == [run EXCEPT !.dead = Append(@, message)]
Arm(run, timer) == [run EXCEPT !.end.timers = @ \union {timer}]

\* The timer of a request is the request's.
RequestTimer == "REQUEST_EXPIRED"
StopTimers(run) == [run EXCEPT !.end.timers = @ \intersect {RequestTimer}]

\* The one request, in its own table.
Requested(run, event) ==
    LET decision == RequestTable!Decide(run.end.request.state, event, <<>>, <<>>)
        over == decision.state \in RequestTable!Final
        timers == CASE Has(decision.effects, "START_REQUEST") -> run.end.timers \union {RequestTimer}
                    [] Has(decision.effects, "STOP_REQUEST") -> run.end.timers \ {RequestTimer}
                    [] OTHER -> run.end.timers
    IN  [run EXCEPT !.end.timers = timers,
                    !.end.request = IF over THEN NoRequest ELSE [@ EXCEPT !.state = decision.state]]
Abandon(run, states) == IF run.end.request.state \in states THEN Requested(run, "ABANDONED") ELSE run

\* Signals sent in an open channel. A signal that cannot be sent is omitted.
Speaks(channel, says) ==
    /\ channel.next = "talk" /\ channel.sent < Nonces
    /\ says \in {"keepalive", "keepalive-answer"} => KeepsAlive
Say(run, says) ==
    LET role == Role(run.name)
        channel == run.end.current
        starter == Starter(role, channel)
        answerer == Answerer(role, channel)
    IN  IF Speaks(channel, says)
        THEN Send([run EXCEPT !.end.current.sent = @ + 1],
                  Talk(channel.peer, starter, answerer, role, channel.sent, says))
        ELSE run

\* The first keepalive of an initiator is the third message of its handshake.
SendKeepalive(run) ==
    LET channel == run.end.current
    IN  IF channel.next = "confirmation"
        THEN Send([run EXCEPT !.end.current.next = "talk"],
                  Message(channel.peer, "confirmation", channel.own, channel.peer, "initiator"))
        ELSE Say(run, "keepalive")

Transmit(run, says) ==
    LET own == run.end.current.own
        named == [run EXCEPT !.end.current.asked = @ + 1, !.end.request.reply = own]
    IN  Say(IF says = "request" THEN Requested(named, "SENT") ELSE run, says)

RECURSIVE TransmitAll(_, _)
TransmitAll(run, waiting) ==
    IF waiting = <<>> THEN run ELSE TransmitAll(Transmit(run, Head(waiting)), Tail(waiting))

StartAttempt(run) ==
    LET number == run.end.number + 1
    IN  [run EXCEPT !.end.number = number, !.end.attempt = Handshake(KeyOf(number), Nobody, "hello"),
                    !.beyond = @ \/ number > Generations]
SendHello(run) ==
    Send([run EXCEPT !.end.attempt.next = "answer"],
         Message(Door, "hello", run.end.attempt.own, Nobody, "initiator"))

AcceptAttempt(run, hello) == [run EXCEPT !.end.attempt = Handshake(run.name, hello.starter, "answer")]
SendAnswer(run) ==
    LET channel == run.end.attempt
    IN  Send([run EXCEPT !.end.attempt.next = "confirmation"],
             Message(channel.peer, "answer", channel.peer, channel.own, "responder"))

AdoptLink(run) ==
    [run EXCEPT !.end.current = run.end.attempt, !.end.attempt = NoChannel,
                !.end.established = Starter(Role(run.name), run.end.attempt)]

\* Notifications of the owner, and effects on durations (C6).
Untold == {"RESET_BACK_OFF", "NOTE_EXHAUSTED", "NOTIFY_ESTABLISHED", "NOTIFY_TIMED_OUT", "NOTIFY_CLOSED"}

\* cause: a message of the peer or of the application.
HandOver(run, cause) == IF cause.says = "response" THEN Requested(run, "RESPONSE_RECEIVED") ELSE run

Perform(run, effect, cause) ==
    CASE effect = "STOP_TIMERS"         -> StopTimers(run)
      [] effect = "START_NEGOTIATION"   -> Arm(run, "NEGOTIATION_EXPIRED")
      [] effect = "START_BACK_OFF"      -> Arm(run, "BACK_OFF_EXPIRED")
      [] effect = "START_ZERO_BACK_OFF" -> Arm(run, "BACK_OFF_EXPIRED")
      [] effect = "START_KEEPALIVE"     -> IF KeepsAlive THEN Arm(run, "KEEPALIVE_DUE") ELSE run
      [] effect = "START_IDLE"          -> Arm(run, "IDLE_EXPIRED")
      [] effect = "SEND_DATA"           -> Transmit(run, cause.says)
      [] effect = "SEND_KEEPALIVE"      -> SendKeepalive(run)
      [] effect = "ANSWER_KEEPALIVE"    -> Say(run, "keepalive-answer")
      [] effect = "SEND_CLOSE"          -> Say(run, "close")
      [] effect = "FORWARD_HELD"        -> TransmitAll([run EXCEPT !.end.waiting = <<>>], run.end.waiting)
      [] effect = "HOLD"                -> [run EXCEPT !.end.waiting = Append(@, cause.says)]
      [] effect = "DISCARD_HELD"        -> [run EXCEPT !.end.waiting = <<>>]
      [] effect = "DELIVER"             -> HandOver(run, cause)
      [] effect = "RETIRE_REQUESTS"     -> Abandon(run, {"PENDING"})
      [] effect = "FAIL_REQUESTS"       -> Abandon(run, {"READY", "PENDING"})
      [] effect = "START_ATTEMPT"       -> StartAttempt(run)
      [] effect = "SEND_HELLO"          -> SendHello(run)
      [] effect = "ACCEPT_ATTEMPT"      -> AcceptAttempt(run, cause)
      [] effect = "SEND_ANSWER"         -> SendAnswer(run)
      [] effect = "ADOPT_LINK"          -> AdoptLink(run)
      [] effect = "FORGET_ROUTE"        -> [run EXCEPT !.end.attempt = NoChannel, !.end.current = NoChannel]
      [] effect \in Untold                -> run

RECURSIVE PerformAll(_, _, _)
PerformAll(run, effects, cause) ==
    IF effects = <<>> THEN run
    ELSE PerformAll(Perform(run, Head(effects), cause), Tail(effects), cause)

-----------------------------------------------------------------------------
\* HANDLING: the table decides, and its effects are carried out

\* A message that the table ignores is a dead letter.
Take(run, event, cause) ==
    LET decision == Decide(Role(run.name), run.end, event)
        moved == [run EXCEPT !.end.state = decision.state, !.end.counters = decision.counters,
                             !.performed = @ \o decision.effects]
    IN  CASE decision.verdict = "row" -> PerformAll(moved, decision.effects, cause)
          [] cause = NoMessage -> run
          [] OTHER -> Bury(run, cause)

RECURSIVE TakeAll(_, _, _)
TakeAll(run, events, cause) ==
    IF events = <<>> THEN run ELSE TakeAll(Take(run, Head(events), cause), Tail(events), cause)

\* The application sends a message. A channel whose keys protect no more of its messages
\* fails with it; where the failed session cannot hold it, the message is a dead letter.
Exhausted(end) == end.current.next = "talk" /\ end.current.sent >= Nonces - Reserve
Give(run, says) ==
    LET failed == IF Exhausted(run.end) THEN Take(run, "LOWER_LAYER_LOST", NoMessage) ELSE run
        refused == Decide(Role(run.name), failed.end, "SEND").verdict # "row"
        given == Take(failed, "SEND", Outgoing(says))
    IN  IF refused /\ says = "request" THEN Abandon(given, {"READY"}) ELSE given

\* The channel whose address a message reached.
At(end, message) ==
    CASE end.attempt.own = message.at -> end.attempt
      [] end.current.own = message.at -> end.current
      [] OTHER -> NoChannel

Reading(run, channel, message) ==
    IF channel = run.end.attempt
    THEN [run EXCEPT !.end.attempt = AfterReading(@, message)]
    ELSE [run EXCEPT !.end.current = AfterReading(@, message)]

\* Every message read in the open channel was heard in it, unless it is a dead letter.
Remember(run, channel, message) ==
    IF message.part = "talk" /\ run.end.current.own = channel.own /\ run.dead = <<>>
    THEN [run EXCEPT !.end.current.heard = @ \union {message}]
    ELSE run

\* A responder's application answers a request.
Answered(run, message) ==
    IF message.says = "request" /\ Has(run.performed, "DELIVER") THEN Give(run, "response") ELSE run

Received(name, message) ==
    LET run == Run(name, ends[name])
        channel == At(run.end, message)
        role == Role(name)
        events == Judge(role, run.end, channel, message)
        taken == TakeAll(Reading(run, channel, message), events, message)
    IN  IF Exists(channel) /\ Reads(role, channel, message)
        THEN Answered(Remember(taken, channel, message), message)
        ELSE Take(run, "STRAY", message)

-----------------------------------------------------------------------------
\* THE HOST: a hello creates a responder, if there is room (clauses 2.4 and 4.9)

Responders == DOMAIN ends \ {InitiatorEnd}
Admits ==
    LET there == [responders |-> Cardinality(Responders)]
        decision == Host!Decide(Host!Initial, "HELLO_FOR_UNKNOWN", there, [responders |-> Capacity])
    IN  Has(decision.effects, "SPAWN")
Spawned(hello) ==
    LET run == Take(Run(ResponderEnd(made + 1), Fresh), "HELLO_NEWER", hello)
    IN  [run EXCEPT !.beyond = @ \/ made + 1 > Spawns]

\* The receiver of a message. A message to an address without an end is a dead letter: no end has
\* a channel there, so it does not matter which of them receives it.
IsFirst(message) == message.at = Door /\ message.part = "hello"
Makes(message) == IsFirst(message) /\ Admits
Receiver(message) ==
    CASE Makes(message) -> ResponderEnd(made + 1)
      [] message.at \in Responders -> message.at
      [] OTHER -> InitiatorEnd
Arrived(message) == IF Makes(message) THEN Spawned(message) ELSE Received(Receiver(message), message)

-----------------------------------------------------------------------------
\* STEPS

\* The result of a run is the next state of an end, and its messages are sent. A host discards a
\* responder that closed.
Land(run, rested, remaining) ==
    LET name == run.name
        gone == Role(name) = "responder" /\ run.end.state \in {"CLOSED", "IDLE"}
        there == IF gone THEN DOMAIN ends \ {name} ELSE DOMAIN ends \union {name}
        attempt == run.end.attempt
        starts == name = InitiatorEnd /\ Exists(attempt) /\ attempt # ends[name].attempt
        end == [run.end EXCEPT !.rested = rested /\ ~starts]
    IN  /\ ~run.beyond
        /\ ends' = [one \in there |-> IF one = name THEN end ELSE ends[one]]
        /\ network' = With(remaining, run.sent)

Rested(name) == name = InitiatorEnd => ends[InitiatorEnd].rested
Arrive(message, remaining) ==
    /\ Land(Arrived(message), Rested(Receiver(message)), remaining)
    /\ made' = IF Makes(message) THEN made + 1 ELSE made

Deliver(message) ==
    /\ Arrive(message, Without(network, message))
    /\ UNCHANGED left

\* A request that has expired is over before its session fails.
Expired(name, timer) ==
    LET run == Run(name, [ends[name] EXCEPT !.timers = @ \ {timer}])
    IN  Take(IF timer = RequestTimer THEN Requested(run, "REQUEST_EXPIRED") ELSE run, timer, NoMessage)
Expire(name, timer) ==
    /\ timer \in ends[name].timers
    /\ Land(Expired(name, timer), Rested(name) \/ timer = "BACK_OFF_EXPIRED", network)
    /\ UNCHANGED <<made, left>>

System ==
    \/ \E message \in Present(network) : Deliver(message)
    \/ \E name \in DOMAIN ends : \E timer \in ends[name].timers : Expire(name, timer)

-----------------------------------------------------------------------------
\* THE ENVIRONMENT

\* An order that the table refuses or ignores is not possible. A request is a message
\* to the table; one at a time.
EventOf(order) == IF order = "REQUEST" THEN "SEND" ELSE order
Possible(order) ==
    LET end == ends[InitiatorEnd]
    IN  /\ Decide("initiator", end, EventOf(order)).verdict = "row"
        /\ order = "REQUEST" => end.request = NoRequest
Ordered(order) ==
    LET run == Run(InitiatorEnd, ends[InitiatorEnd])
        begun == [run EXCEPT !.end.request.state = RequestTable!Initial]
    IN  CASE order = "REQUEST" -> Give(begun, "request")
          [] order = "SEND" -> Give(run, "data")
          [] OTHER -> Take(run, order, NoMessage)
Order(order) ==
    /\ left.orders[order] > 0
    /\ left' = [left EXCEPT !.orders[order] = @ - 1]
    /\ Possible(order)
    /\ Land(Ordered(order), ends[InitiatorEnd].rested, network)
    /\ UNCHANGED made

Drop(message) ==
    /\ network' = Without(network, message)
    /\ UNCHANGED <<ends, made, left>>

\* A duplicate is delivered while another copy stays.
Duplicate(message) ==
    /\ left.duplicates > 0
    /\ left' = [left EXCEPT !.duplicates = @ - 1]
    /\ Arrive(message, network)

\* A message of a stranger arrives at once, at any time and any number of times. He forges
\* messages that need no keys of others. He replays to each end messages of its peer in another
\* handshake, and reflects its own, near the window and Far ahead of it.
Far == 9
Sealed(at, starter, answerer, own) ==
    {Talk(at, starter, answerer, author, nonce, "data") :
        author \in {own, "stranger"}, nonce \in {0, Far}}
SaidToInitiator(number) ==
    LET key == KeyOf(number)
        other == KeyOf(3 - number)
        responder == ResponderEnd(number)
    IN  {Message(key, "answer", key, Stranger, "stranger"),
         Message(key, "answer", other, responder, "responder"),
         Talk(key, other, responder, "responder", 0, "data")}
        \union Sealed(key, key, responder, "initiator")
SaidToResponder(number, key) ==
    LET responder == ResponderEnd(number)
        other == ResponderEnd(3 - number)
    IN  {Message(responder, "confirmation", Stranger, responder, "stranger"),
         Message(responder, "confirmation", key, other, "initiator"),
         Talk(responder, key, other, "initiator", 0, "data"),
         Message(responder, "answer", key, responder, "responder")}
        \union Sealed(responder, key, responder, "responder")
SaidAtDoor == {Talk(Door, KeyOf(1), ResponderEnd(1), "initiator", 0, "data")}
Said ==
    IF Strangers = 0 THEN {}
    ELSE SaidAtDoor
         \union UNION {SaidToInitiator(number) : number \in {1, 2}}
         \union UNION {SaidToResponder(number, KeyOf(attempt)) : number \in {1, 2}, attempt \in {1, 2}}
First == Message(Door, "hello", Stranger, Nobody, "stranger")

Hear(message) ==
    /\ Arrive(message, network)
    /\ UNCHANGED left

\* A first message of his creates a responder, so there are few of them.
HearFirst ==
    /\ left.firsts > 0
    /\ left' = [left EXCEPT !.firsts = @ - 1]
    /\ Arrive(First, network)

Environment ==
    \/ \E order \in DOMAIN Orders.initiator : Order(order)
    \/ \E message \in Present(network) : Drop(message) \/ Duplicate(message)
    \/ \E message \in Said : Hear(message)
    \/ HearFirst

-----------------------------------------------------------------------------
Init ==
    /\ ends = [name \in {InitiatorEnd} |-> Fresh]
    /\ made = 0
    /\ network = EmptyBag
    /\ left = [orders |-> Orders.initiator, duplicates |-> Duplicates, firsts |-> Strangers]

Next == System \/ Environment

Spec == Init /\ [][Next]_vars
=============================================================================

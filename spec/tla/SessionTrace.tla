---------------------------- MODULE SessionTrace ----------------------------
\* Whether a trace, the recorded steps of two running ends, is a behaviour of
\* SessionPair. The format is in spec/traces/README.md. Traces is a sequence of them,
\* all of one type and with the same limits; each begins a behaviour of its own.
\*
\* A trace shows neither counters nor which requests are to be reissued, so a record
\* may be explained in several ways; TLC follows all of them. A trace is accepted if
\* some behaviour explains its last record. If none does, the rejected record
\* is the one after the last that was explained (Explained is printed).
\*
\* This module adds events of real runs that the closed worlds leave out: requests,
\* the loss of the lower layer, errors, restarts. The network may lose and delay
\* any message; it duplicates or corrupts only where the trace allows it.
\*
\* Addresses in a trace are digests. The hello or answer that carries an address determines
\* its end and generation (A2), which never change after that.
\*
\* A record may contain any number of messages, and TLC's stack is finite. So they are handled
\* neither recursively nor by \A in a step: TLC nests a step once more for
\* each value of \A. A condition on all of them says that the set of violations is empty.
EXTENDS SessionPair, TLC

CONSTANTS
    Traces,     \* [faults, off, records]; off: timers of each role that are switched off
    Nodes       \* the names of nodes in all of them

VARIABLES
    which,      \* the trace
    line,       \* the next record to be explained
    sequences,  \* the number of records of each node so far
    started,    \* how many ends each role has had: the ordinal of the current one
    pending,    \* how many requests of each role wait for a response
    places      \* the owner of each address

traced == <<vars, which, line, sequences, started, pending, places>>

Records == Traces[which].records
Faults == Traces[which].faults
Restarts == {"restart-with-state", "restart-without-state", "write-fails", "confirmation-lost"}

-----------------------------------------------------------------------------
\* A trace itself records the start of an end.                 (for Spawned)
NeverSpawned(run, role, event) == run

-----------------------------------------------------------------------------
\* MESSAGES of a trace, in the terms of SessionPair

Place(role, said) ==
    [role |-> role, ordinal |-> started[role], number |-> said.number, starter |-> said.starter]

\* The addresses in a record.
Telling(record) == {i \in 1 .. Len(record.sent) : record.sent[i].kind \in {"hello", "answer"}}
Told(record) == {record.sent[i].from : i \in Telling(record)}
Consistent(record) ==
    {i \in Telling(record) :
        LET said == record.sent[i]
        IN  said.from \in DOMAIN places /\ places[said.from] # Place(record.role, said)} = {}
Knowing(record) ==
    [address \in DOMAIN places \union Told(record) |->
        IF address \in DOMAIN places THEN places[address]
        ELSE Place(record.role, record.sent[CHOOSE i \in Telling(record) : record.sent[i].from = address])]

Kind(said) == IF said.kind \in {"request", "response"} THEN "data" ELSE said.kind

\* Whether a message is readable, and its content.
Readable(said, known) ==
    /\ said.from # "" => said.from \in DOMAIN known
    /\ said.to # "" => said.to \in DOMAIN known
    /\ said.from # "" /\ said.to # "" =>
         Same(known[said.from], known[said.to]) /\ known[said.from].role # known[said.to].role

\* to: the role that it is for.
Read(said, known, to) ==
    CASE said.kind = "hello" ->
           LET sender == known[said.from] IN Message(Peer(sender.role), "hello", sender, sender.ordinal, 0)
      [] said.kind = "superseded" ->
           LET receiver == known[said.to]
           IN  [Message(receiver.role, "superseded", receiver, 0, receiver.ordinal) EXCEPT !.seen = said.number]
      [] said.kind = "close-at-contact" ->
           LET starter == known[said.from]
           IN  [Message(to, "close", starter, starter.ordinal, 0) EXCEPT !.seen = said.number]
      [] said.kind = "error" ->
           LET receiver == known[said.to] IN Message(receiver.role, "error", receiver, 0, receiver.ordinal)
      [] OTHER ->
           LET sender == known[said.from]
               receiver == known[said.to]
               message == Message(receiver.role, Kind(said), sender, sender.ordinal, receiver.ordinal)
           IN  [message EXCEPT !.resumed = said.resumed]

-----------------------------------------------------------------------------
\* STEPS

\* The table receives requests to be reissued right after the row that retires them.
Retires(before, after) ==
    Has(SubSeq(after.performed, Len(before.performed) + 1, Len(after.performed)), "RETIRE_REQUESTS")

\* Two halves, so that TLC nests as deep as the logarithm of times. The first half is an
\* element of a set, because TLC evaluates elements at once; it evaluates an argument only
\* when it is read, which would nest as deep as times.
RECURSIVE Reissuing(_, _, _)
Reissuing(run, role, times) ==
    CASE times = 0 -> run
      [] times = 1 -> Take(run, role, "REISSUE", AnyData)
      [] OTHER ->
           LET halves == {Reissuing(run, role, times \div 2)}
           IN  CHOOSE whole \in {Reissuing(half, role, times - times \div 2) : half \in halves} : TRUE

RECURSIVE Taking(_, _, _, _, _)
Taking(run, role, events, cause, reissued) ==
    IF events = <<>> THEN run
    ELSE LET next == Take(run, role, Head(events), cause)
         IN  IF Retires(run, next)
             THEN Taking(Reissuing(next, role, reissued), role, Tail(events), cause, 0)
             ELSE Taking(next, role, Tail(events), cause, reissued)

\* The notifications of the owner, and the number of delivered messages.
Notice == [NOTIFY_ESTABLISHED |-> "established", NOTIFY_TIMED_OUT |-> "timed out", NOTIFY_CLOSED |-> "closed"]
Notices(effects) ==
    LET isNotice(effect) == effect \in DOMAIN Notice
        found == SelectSeq(effects, isNotice)
    IN  [i \in DOMAIN found |-> Notice[found[i]]]
Asked(record) == Cardinality({i \in 1 .. Len(record.sent) : record.sent[i].kind = "request"})

\* A run shows exactly what the record shows.
Shows(run, record, known) ==
    LET off == Traces[which].off[record.role]
    IN  /\ ~record.refused
        /\ run.end.state = record.state
        /\ Len(run.sent) = Len(record.sent)
        /\ {i \in 1 .. Len(record.sent) :
             ~(Readable(record.sent[i], known) /\ run.sent[i] = Read(record.sent[i], known, Peer(record.role)))} = {}
        /\ Notices(run.performed) = record.told
        /\ Count(run.performed, "DELIVER") = record.delivered
        /\ record.showsTimers => run.end.timers \ off = record.armed \ off

\* The messages of a record are sent; the one that arrived is removed.
Sent(record) == [i \in 1 .. Len(record.sent) |-> [to |-> Peer(record.role), said |-> record.sent[i]]]

\* events: those that the table receives. answered: how many requests they answer.
Explained(record, end, events, cause, answered, remaining) ==
    LET role == record.role
        known == Knowing(record)
        open == pending[role] - answered
    IN  \E reissued \in 0 .. (IF Listens(role, "REISSUE") THEN open ELSE 0) :
          LET run == Taking(Run(end), role, events, cause, reissued)
              over == Has(run.performed, "RETIRE_REQUESTS") \/ Has(run.performed, "FAIL_REQUESTS")
          IN  /\ reissued > 0 => Has(run.performed, "RETIRE_REQUESTS")
              /\ Shows(run, record, known)
              /\ ends' = [ends EXCEPT ![role] = run.end]
              /\ pending' = [pending EXCEPT ![role] = (IF over THEN 0 ELSE open) + Asked(record)]
              /\ network' = WithAll(remaining, Sent(record))

-----------------------------------------------------------------------------
\* EVENTS

Begins(record) ==
    LET role == record.role
        over == ends[role].state \in {"IDLE", "CLOSED"}
        seen == [number |-> record.remembered, starter |-> IF record.remembered = 0 THEN "responder" ELSE "initiator"]
    IN  /\ over \/ Faults \intersect Restarts # {}
        /\ record.remembered <= ends[role].seen.number
        /\ ends' = [ends EXCEPT ![role] = [Fresh(started[role] + 1) EXCEPT
              !.seen = seen, !.hasState = record.hasState, !.counters.confirmed = IF record.hasState THEN 1 ELSE 0]]
        /\ started' = [started EXCEPT ![role] = @ + 1]
        /\ pending' = [pending EXCEPT ![role] = 0]
        /\ UNCHANGED <<network, places>>

\* An error comes from the node where a message of this end found its address gone, or
\* where a hello created no responder: no worker at its address, or no room at its host.
Gone(address) ==
    LET place == places[address]
        end == ends[place.role]
    IN  ~(place.ordinal = end.ordinal
          /\ ((Exists(end.attempt) /\ Same(end.attempt, place)) \/ (Exists(end.current) /\ Same(end.current, place))))
Bounced(record) ==
    \E flying \in Present(network) :
        /\ flying.to # record.role
        /\ flying.said.from = record.message.to
        /\ \/ flying.said.kind = "hello"
           \/ /\ flying.said.kind \in {"keepalive", "keepalive-answer", "data", "request", "response"}
              /\ Gone(flying.said.to)

\* The ends that may take these events. After an answer without state, held messages may be
\* requests that need it, which are not sent (6.8). Every number of them is tried.
Lasting(end, events, cause) ==
    IF Has(events, "ANSWER_CURRENT") /\ end.hasState /\ ~cause.resumed
    THEN {[end EXCEPT !.counters.held = held, !.waiting = SubSeq(@, 1, held)] : held \in 0 .. end.counters.held}
    ELSE {end}

Comes(record) ==
    LET role == record.role
        said == record.message
        flying == [to |-> role, said |-> said]
        cause == Read(said, places, role)
        events == Judge(ends[role], role, cause)
        late == SubSeq(events, 1, Len(events) - 1) \o <<"STRAY">>
        remaining == IF said.kind = "error" \/ "duplicate" \in Faults THEN network ELSE Without(network, flying)
    IN  /\ Readable(said, places)
        /\ IF said.kind = "error" THEN Bounced(record) ELSE BagIn(flying, network)
        /\ IF said.kind = "response" /\ events[Len(events)] = "DATA_RECEIVED"
           THEN \/ Explained(record, ends[role], late, cause, 0, remaining)
                \/ pending[role] > 0 /\ Explained(record, ends[role], events, cause, 1, remaining)
           ELSE \E end \in Lasting(ends[role], events, cause) :
                    Explained(record, end, events, cause, 0, remaining)

Spoiled(record) ==
    /\ "corrupt" \in Faults
    /\ Explained(record, ends[record.role], <<"STRAY">>, NoMessage, 0, network)

Follows(record) ==
    LET end == ends[record.role]
        refused == Decide(record.role, end, record.event).verdict = "refused"
    IN  IF refused
        THEN /\ Shows(Run(end), [record EXCEPT !.refused = ~@], places)
             /\ UNCHANGED <<ends, network, pending>>
        ELSE Explained(record, end, <<record.event>>, AnyData, 0, network)

Expires(record) ==
    LET end == [ends[record.role] EXCEPT !.timers = @ \ {record.event}]
    IN  /\ record.event \in ends[record.role].timers
        /\ Explained(record, end, <<record.event>>, NoMessage, 0, network)

RequestExpires(record) ==
    LET end == ends[record.role]
    IN  /\ pending[record.role] > 0
        /\ Decide(record.role, end, record.event).verdict # "refused"
        /\ Explained(record, end, <<record.event>>, NoMessage, 0, network)

Judged(record) ==
    /\ started[record.role] > 0
    /\ Consistent(record)
    /\ places' = Knowing(record)
    /\ UNCHANGED started
    /\ CASE record.event = "message" /\ record.message.kind = "unreadable" -> Spoiled(record)
         [] record.event = "message" -> Comes(record)
         [] record.event \in {"OPEN", "SEND", "WITHDRAW", "RENEGOTIATE", "CLOSE", "STOP"} -> Follows(record)
         [] record.event = "LOWER_LAYER_LOST" ->
              Explained(record, ends[record.role], <<record.event>>, NoMessage, 0, network)
         [] record.event = "REQUEST_EXPIRED" -> RequestExpires(record)
         [] OTHER -> Expires(record)

-----------------------------------------------------------------------------
TraceInit ==
    /\ which \in 1 .. Len(Traces)
    /\ line = 1
    /\ ends = [role \in Roles |-> Fresh(0)]
    /\ network = EmptyBag
    /\ orders = Orders
    /\ sequences = [node \in Nodes |-> 0]
    /\ started = [role \in Roles |-> 0]
    /\ pending = [role \in Roles |-> 0]
    /\ places = <<>>

TraceNext ==
    /\ line <= Len(Records)
    /\ LET record == Records[line]
       IN  /\ record.sequence = sequences[record.node] + 1
           /\ sequences' = [sequences EXCEPT ![record.node] = @ + 1]
           /\ CASE record.event = "other" -> UNCHANGED <<ends, network, started, pending, places>>
                [] record.event = "start" -> Begins(record)
                [] OTHER -> Judged(record)
    /\ line' = line + 1
    /\ PrintT(<<"explained", which, line>>)
    /\ UNCHANGED <<which, orders>>

TraceSpec == TraceInit /\ [][TraceNext]_traced
=============================================================================

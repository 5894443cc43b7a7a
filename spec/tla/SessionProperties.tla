-------------------------- MODULE SessionProperties --------------------------
\* Properties of every pair of ends. The numbers are those of spec/sessions.md,
\* section 8, and of `ockam-fsm check`, which checks them on the real sessions.
\*
\*   invariants          S5 S7 S12 S18           read a state
\*   action properties   S1 S2 S3 S4 S6 S9 S11 S13 S16 S17 S19 S20 S21 S22 S26 S27 S29
\*                                               read a step: [][...]_vars
\*   witnesses           W1 W9                   their negations are refuted
\*
\* Elsewhere: S8, about outcomes of requests (Request.tla); S10 and S14, about more than
\* one session (Node.tla); recoverability (Recovery.tla). S15 needs a stream.
EXTENDS SessionPair

CONSTANTS
    Implicit,       \* a message creates the session, not an order
    Persistent,     \* it negotiates again after a failure
    TwoSided        \* the responder does so as well

Renegotiates(role) == Persistent /\ (role = "initiator" \/ TwoSided)
Unchanged(role) == ends'[role] = ends[role]
Starts(role) == Started(ends[role], ends'[role], role)
Forgotten == ends'.responder.state = "IDLE"
Arrives(message) == Deliver(message) \/ Duplicate(message)
Restarted(role) == Life(ends'[role].ordinal) # Life(ends[role].ordinal)

\* Whether a predicate holds for the end of a role and each run of an event there.
EveryRun(role, Holds(_, _)) ==
    /\ \A message \in Present(network) :
         message.to = role /\ Arrives(message) => Holds(ends[role], Received(message))
    /\ \A timer \in ends[role].timers :
         Expire(role, timer) => Holds(ends[role], Expired(role, timer))
    /\ \A order \in DOMAIN Orders[role] :
         Order(role, order) => Holds(ends[role], Ordered(role, order))
Belongs(message, link) == Exists(link) /\ Same(link, message)

-----------------------------------------------------------------------------
\* S1: data is delivered only in ESTABLISHED, or in a previous generation that is
\* still usable.
InTime(end, message) ==
    LET run == Received(message)
        previous == end.state = "RENEGOTIATING" /\ end.counters.usable = 1 /\ Belongs(message, end.current)
    IN  Has(run.performed, "DELIVER") =>
            end.state = "ESTABLISHED" \/ run.end.state = "ESTABLISHED" \/ previous

S1_DeliveredInTime ==
    [][\A message \in Present(network) :
         message.kind = "data" /\ Arrives(message) => InTime(ends[message.to], message)]_vars

-----------------------------------------------------------------------------
\* S2: a transient session never renegotiates; CLOSED is final. A signal of a closed end
\* would be a new message in the network.
ClosedStays(role) ==
    ends[role].state = "CLOSED" =>
        /\ Unchanged(role)
        /\ \A message \in Present(network') :
             message.to = Peer(role) => CopiesIn(message, network') <= CopiesIn(message, network)

S2_ClosedIsFinal ==
    [][\A role \in Roles : /\ ClosedStays(role)
                           /\ Persistent \/ ~Starts(role) \/ ends[role].state = "IDLE"]_vars

-----------------------------------------------------------------------------
\* S3: a persistent session keeps its state, and ends with a state only by an order, a
\* close of its peer, or a bound. (Its outer address cannot change: no operator
\* assigns one.)
IsOver(role) == ends'[role].state = "CLOSED" \/ (role = "responder" /\ Forgotten)

\* A close counts in the current generation of an end, in the attempt that it has
\* answered, or, without a messaging route, for all generations that it knows.
Ends(end, role, close) ==
    /\ close.kind = "close"
    /\ CASE close.receiver = end.ordinal /\ Belongs(close, end.attempt) -> end.attempt.starter # role
         [] close.receiver = end.ordinal -> end.state = "ESTABLISHED" /\ Belongs(close, end.current)
         [] close.receiver = 0 ->
              LET answered == Exists(end.attempt) /\ end.attempt.starter # role
                  known == IF Exists(end.established) THEN end.established ELSE end.attempt
              IN  /\ Listens(role, "HELLO_NEWER")
                  /\ Exists(end.established) \/ answered
                  /\ Belongs(close, known) /\ close.sender = known.peer
                  /\ \A link \in {end.attempt, end.seen} : close.seen >= link.number
         [] OTHER -> FALSE
Bounded(role) == Expire(role, "RETENTION_EXPIRED") \/ Expire(role, "BACK_OFF_EXPIRED")
Ended(role) ==
    \/ Order(role, "CLOSE") \/ Order(role, "STOP") \/ Bounded(role)
    \/ \E message \in Present(network) :
         message.to = role /\ Ends(ends[role], role, message) /\ Arrives(message)

S3_StateSurvives ==
    [][Persistent =>
       \A role \in Roles : ends[role].hasState =>
           \/ Unchanged(role) \/ Restarted(role)
           \/ IF IsOver(role) THEN Ended(role) ELSE ends'[role].hasState]_vars

-----------------------------------------------------------------------------
\* S4: numbers only grow; apart from a newer hello no message of another generation
\* changes an end. Written without At: an address that two generations share must
\* not hide which of them a message belongs to.
\* The number of a hello alone does not outlive its attempt.
Confirmed(role) ==
    \E message \in Present(network) :
        /\ message.to = role /\ message.receiver = ends[role].ordinal
        /\ Belongs(message, ends[role].attempt) /\ Arrives(message)
NumbersGrow(role) ==
    \/ ends'[role].seen = ends[role].seen
    \/ (role = "responder" /\ Forgotten) \/ Restarted(role)
    \/ Less(ends[role].seen, ends'[role].seen) /\ (Starts(role) \/ Confirmed(role))

Concerns(end, message) ==
    CASE message.kind = "hello" -> Less(end.seen, message) /\ ~(Exists(end.attempt) /\ Less(message, end.attempt))
      [] message.kind = "close" /\ message.receiver = 0 -> Ends(end, message.to, message)
      [] message.receiver # end.ordinal -> FALSE
      [] message.kind = "superseded" -> Belongs(message, end.attempt)
      [] OTHER -> Belongs(message, end.attempt) \/ Belongs(message, end.current)
Absent(end) == end.ordinal = 0 \/ (end.state = "IDLE" /\ end.seen = Nothing)

S4_OnlyItsGenerationChangesIt ==
    [][/\ \A role \in Roles : NumbersGrow(role)
       /\ \A message \in Present(network) :
            LET role == message.to
            IN  \/ Concerns(ends[role], message)
                \/ role = "responder" /\ Absent(ends[role])
                \/ Unchanged(role)
                \/ ~Arrives(message)]_vars

-----------------------------------------------------------------------------
\* S5: a messaging route is known only during a negotiation or an established session, so
\* none can be used after TIMED_OUT.
S5_RoutesAreForgotten ==
    \A role \in Roles :
        ends[role].state \in {"IDLE", "TIMED_OUT", "CLOSED"} =>
            ~Exists(ends[role].attempt) /\ ~Exists(ends[role].current)

-----------------------------------------------------------------------------
\* S6: a one-sided responder never starts a negotiation.
S6_OneSidedResponderNeverStarts == [][~TwoSided => ~Starts("responder")]_vars

-----------------------------------------------------------------------------
\* S7: established ends of one generation route to each other's current inner
\* addresses. One generation: the answerer's route leads to the starter's current incarnation.
S7_EndsAgree ==
    LET i == ends.initiator
        r == ends.responder
        established == i.state = "ESTABLISHED" /\ r.state = "ESTABLISHED"
        mutual == i.current.peer = r.ordinal /\ r.current.peer = i.ordinal
        known == IF i.current.starter = "initiator"
                 THEN r.current.peer = i.ordinal
                 ELSE i.current.peer = r.ordinal
    IN  established /\ Same(i.current, r.current) /\ known => mutual

-----------------------------------------------------------------------------
\* S9: data that is sent in one generation is never delivered in another.
S9_DeliveredInItsGeneration ==
    [][\A message \in Present(network) :
         LET end == ends[message.to]
         IN  \/ message.kind # "data"
             \/ Belongs(message, end.attempt) \/ Belongs(message, end.current)
             \/ ~Arrives(message)
             \/ ~Has(Received(message).performed, "DELIVER")]_vars

-----------------------------------------------------------------------------
\* S11: every accepted message waits, has left, or is a dead letter.
Tags(messages) == {messages[i].tag : i \in DOMAIN messages}
IsSomewhere(before, run) ==
    LET more == run.end.accepted - before.accepted
        many == Len(run.end.waiting) + Len(run.left) + Len(run.gone)
        accepted == IF more = 1 THEN {run.end.accepted} ELSE {}
        somewhere == Tags(run.end.waiting) \union Tags(run.left) \union Tags(run.gone)
    IN  /\ Tags(before.waiting) \union accepted \subseteq somewhere
        /\ many >= Len(before.waiting) + more
Accepts(role) == ends'[role].accepted # ends[role].accepted

S11_NothingIsLost ==
    [][\A role \in Roles : ends[role].waiting # <<>> \/ Accepts(role) => EveryRun(role, IsSomewhere)]_vars

-----------------------------------------------------------------------------
\* S12: every counter stays within its limit, and so do the held messages; an unlimited
\* counter never changes.
S12_WithinLimits ==
    \A role \in Roles :
        /\ Limits[role].held # Unlimited => Len(ends[role].waiting) = ends[role].counters.held
        /\ \A name \in DOMAIN Limits[role] :
             LET limit == Limits[role][name]
             IN  ends[role].counters[name] \in 0 .. IF limit = Unlimited THEN 0 ELSE limit

-----------------------------------------------------------------------------
\* S13: reissued, held and new messages leave in that order, which is the one in which
\* they were accepted, each once; and none waits at an established end.
LeaveInOrder(before, run) == \A i \in 1 .. Len(run.left) - 1 : run.left[i].tag < run.left[i + 1].tag

S13_LeaveInOrder ==
    [][\A role \in Roles :
         /\ ends'[role].state = "ESTABLISHED" => ends'[role].waiting = <<>>
         /\ Distinct /\ ends[role].waiting # <<>> => EveryRun(role, LeaveInOrder)]_vars

-----------------------------------------------------------------------------
\* S16: between two attempts of an end a back-off has expired.
S16_RestedBeforeAttempt ==
    [][\A role \in Roles :
         Starts(role) => ends[role].rested \/ Expire(role, "BACK_OFF_EXPIRED")]_vars

-----------------------------------------------------------------------------
\* S17: the owner is notified of every establishment, failure and closing, once.
Comes(before, run, state) == IF run.end.state = state /\ before.state # state THEN 1 ELSE 0
Told(before, run) ==
    /\ Count(run.performed, "NOTIFY_TIMED_OUT") = Comes(before, run, "TIMED_OUT")
    /\ Count(run.performed, "NOTIFY_CLOSED") = Comes(before, run, "CLOSED")
    /\ Count(run.performed, "NOTIFY_ESTABLISHED") = Count(run.performed, "ADOPT_LINK")

S17_OwnerIsTold ==
    [][\A role \in Roles : ends'[role].state # ends[role].state => EveryRun(role, Told)]_vars

-----------------------------------------------------------------------------
\* S18: each state has the attempt, the route and the timers that belong to it, and
\* no others.
Asks(role) == role = "initiator" \/ Renegotiates(role)
TimersOf(role, end) ==
    CASE end.state \in {"NEGOTIATING", "RENEGOTIATING"} -> {"NEGOTIATION_EXPIRED"}
      [] end.state = "ESTABLISHED" /\ ~Asks(role) -> {"IDLE_EXPIRED"}
      [] end.state = "ESTABLISHED" /\ Implicit /\ ~Persistent -> {"KEEPALIVE_DUE", "IDLE_EXPIRED"}
      [] end.state = "ESTABLISHED" -> {"KEEPALIVE_DUE"}
      [] end.state = "TIMED_OUT" /\ Persistent /\ ~Renegotiates(role) -> {"RETENTION_EXPIRED"}
      [] end.state = "TIMED_OUT" /\ end.counters.resting = 0 -> {"BACK_OFF_EXPIRED"}
      [] end.state = "TIMED_OUT" /\ role = "responder" -> {"RETENTION_EXPIRED"}
      [] end.state = "IDLE" /\ Life(end.ordinal) > 0 /\ role = "initiator" /\ ~Implicit -> {"REOPEN"}
      [] OTHER -> {}

S18_EachStateHasItsOwn ==
    \A role \in Roles :
        LET end == ends[role]
        IN  /\ end.timers = TimersOf(role, end)
            /\ end.state \in {"NEGOTIATING", "RENEGOTIATING"} => Exists(end.attempt)
            /\ end.state = "ESTABLISHED" =>
                 Exists(end.current) /\ end.current.peer # 0 /\ ~Exists(end.attempt)

-----------------------------------------------------------------------------
\* S19: every message received in the current generation is evidence of life: an end with
\* an idle timer restarts it, one that sends keepalives resets its misses.
Talks(message) == message.kind \in {"data", "keepalive", "keepalive-answer"}
Alive(role, run) ==
    IF Asks(role)
    THEN run.end.counters.misses = 0 /\ run.end.counters.attempts = 0
    ELSE Has(run.performed, "START_IDLE")

S19_HearingCounts ==
    [][\A message \in Present(network) :
         LET role == message.to
             end == ends[role]
             heard == /\ Talks(message) /\ Listens(role, Heard(message.kind))
                      /\ end.state = "ESTABLISHED" /\ message.receiver = end.ordinal
                      /\ Belongs(message, end.current)
         IN  heard /\ Arrives(message) => Alive(role, Received(message))]_vars

-----------------------------------------------------------------------------
\* S20: attempts and usable generations are counted where they happen and only
\* there. (A closed end no longer counts.)
Counted(role, before, after) ==
    LET is(truth) == IF truth THEN 1 ELSE 0
        resting == after.state = "TIMED_OUT" /\ "BACK_OFF_EXPIRED" \notin after.timers
    IN  /\ role = "responder" /\ Persistent => after.counters.confirmed = is(after.hasState)
        /\ after.counters.usable = is(after.state = "RENEGOTIATING" /\ Exists(after.current))
        /\ after.counters.resting = is(resting /\ Renegotiates(role))
        /\ CASE ~Persistent -> after.counters.attempts = 0
             [] Started(before, after, role) -> after.counters.attempts = before.counters.attempts + 1
             [] OTHER -> after.counters.attempts \in {before.counters.attempts, 0}

S20_CountersTellTheTruth ==
    [][\A role \in Roles :
         ends'[role].state \in {"CLOSED", "IDLE"} \/ Counted(role, ends[role], ends'[role])]_vars

-----------------------------------------------------------------------------
\* S21: each signal that the peer waits for is sent, once. A keepalive is answered, at the
\* address of the current generation and at that of an answer which it confirms.
Said(message, kind) ==
    LET is(sent) == sent.kind = kind
    IN  Len(SelectSeq(Received(message).sent, is))
Asked(end, message) ==
    /\ message.kind = "keepalive" /\ message.receiver = end.ordinal
    /\ \/ Belongs(message, end.current)
       \/ Belongs(message, end.attempt) /\ end.attempt.starter # message.to

S21_KeepalivesAreAnswered ==
    [][\A message \in Present(network) :
         Asked(ends[message.to], message) /\ Arrives(message) => Said(message, "keepalive-answer") = 1]_vars

\* A close is sent where the peer receives it: in the peer's attempt that this end has
\* answered, else in the current generation, else along the initialization route; going
\* away is sent on a messaging route only (clause 3.8).
LastToHear(end) == IF end.attempt.peer # 0 THEN end.attempt ELSE end.current
OnRoute(role, before, kind) ==
    LET link == LastToHear(before)
    IN  IF Exists(link) THEN <<Message(Peer(role), kind, link, before.ordinal, link.peer)>> ELSE <<>>
Routeless(role, before) ==
    LET own == Exists(before.attempt) /\ before.attempt.starter = role
        named == IF Exists(before.established) THEN before.established ELSE [before.attempt EXCEPT !.peer = before.ordinal]
        numbers == {before.seen.number, before.attempt.number}
        largest == CHOOSE number \in numbers : \A other \in numbers : number >= other
    IN  IF (Exists(before.established) \/ own) /\ (role = "initiator" \/ TwoSided)
        THEN <<[Message(Peer(role), "close", named, named.peer, 0) EXCEPT !.seen = largest]>>
        ELSE <<>>
Closes(role, before, run) ==
    LET is(sent) == sent.kind = "close"
    IN  SelectSeq(run.sent, is) =
            IF Exists(LastToHear(before)) THEN OnRoute(role, before, "close") ELSE Routeless(role, before)
GoesAway(role, before, run) == run.sent = OnRoute(role, before, "going-away")

S21_ClosesAreHeard ==
    [][\A role \in Roles :
         /\ Order(role, "CLOSE") => Closes(role, ends[role], Ordered(role, "CLOSE"))
         /\ Order(role, "STOP") => GoesAway(role, ends[role], Ordered(role, "STOP"))]_vars

-----------------------------------------------------------------------------
\* S26: a close of the peer closes the session.
S26_CloseEnds ==
    [][\A message \in Present(network) :
         Ends(ends[message.to], message.to, message) /\ Arrives(message) => IsOver(message.to)]_vars

-----------------------------------------------------------------------------
\* S27: a collision has one winner. Of two attempts with one number the initiator's
\* continues; the initiator answers none, and the responder answers.
Collides(end, role, hello) ==
    /\ hello.kind = "hello" /\ Exists(end.attempt) /\ end.attempt.starter = role
    /\ end.attempt.number = hello.number /\ hello.starter # role
OneGoesOn(role, message) ==
    LET answered == Said(message, "answer") = 1
    IN  IF role = "initiator"
        THEN ends'.initiator.attempt = ends.initiator.attempt /\ ~answered
        ELSE ends'.responder.attempt # ends.responder.attempt /\ answered

S27_CollisionHasAWinner ==
    [][\A message \in Present(network) :
         LET role == message.to
         IN  Collides(ends[role], role, message) /\ Arrives(message) => OneGoesOn(role, message)]_vars

-----------------------------------------------------------------------------
\* S29: a withdrawn message is not sent, and nothing else changes.
Besides(end) == [end EXCEPT !.waiting = <<>>, !.counters.held = 0]
TakenBack(before, run) ==
    /\ run.sent = <<>>
    /\ Len(run.gone) = 1 /\ Len(run.end.waiting) = Len(before.waiting) - 1
    /\ Besides(run.end) = Besides(before)

S29_WithdrawnIsNotSent ==
    [][\A role \in Roles : Order(role, "WITHDRAW") => TakenBack(ends[role], Ordered(role, "WITHDRAW"))]_vars

-----------------------------------------------------------------------------
\* S22: an order is possible exactly where sections 3 and 7 allow it. Where this is
\* claimed, a refused order is a step too: it uses up one order, and changes nothing.
Negotiates(end) == end.state \in {"NEGOTIATING", "RENEGOTIATING"}
Allowed(role, end, order) ==
    LET waits == Negotiates(end) \/ (end.state = "TIMED_OUT" /\ Persistent)
        room == BelowLimit(end.counters.held, Limits[role].held)
        opens == role = "initiator" /\ end.state = "IDLE"
    IN  CASE order \in {"CLOSE", "STOP"} -> end.state # "CLOSED"
          [] order = "OPEN"        -> opens /\ ~Implicit
          [] order = "WITHDRAW"    -> end.waiting # <<>>
          [] order = "RENEGOTIATE" -> end.state = "ESTABLISHED" /\ Renegotiates(role)
          [] end.state = "IDLE"    -> opens /\ Implicit
          [] OTHER                 -> end.state = "ESTABLISHED" \/ (waits /\ room)

Refuse(role, order) ==
    /\ order # "RESTART"
    /\ IsThere(role)
    /\ Spends(role, order)
    /\ ~Possible(role, order)
    /\ UNCHANGED <<ends, network>>
RefusalSpec ==
    Init /\ [][Next \/ \E role \in Roles : \E order \in DOMAIN Orders[role] : Refuse(role, order)]_vars

S22_OrdersAreTaken ==
    [][\A role \in Roles : \A order \in DOMAIN Orders[role] :
         /\ Order(role, order)  => Allowed(role, ends[role], order)
         /\ Refuse(role, order) => ~Allowed(role, ends[role], order)]_vars

-----------------------------------------------------------------------------
\* W1: both ends are established in one generation. Every checked model has
\* a behaviour that leads there: this negation must be REFUTED.
EstablishedTogether ==
    LET i == ends.initiator
        r == ends.responder
    IN  /\ i.state = "ESTABLISHED" /\ r.state = "ESTABLISHED"
        /\ Same(i.current, r.current) /\ i.current.peer = r.ordinal
Never_W1 == ~EstablishedTogether

\* W9: an end that lost its state has caught up in one attempt.
CaughtUp ==
    \E role \in Roles : \E message \in Present(network) :
        /\ message.kind = "superseded" /\ message.to = role /\ Arrives(message)
        /\ Less(ends[role].seen, ends'[role].seen)
Never_W9 == [][~CaughtUp]_vars
=============================================================================

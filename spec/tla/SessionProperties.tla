-------------------------- MODULE SessionProperties --------------------------
\* What holds for every pair of ends. The numbers are those of spec/sessions.md,
\* section 8, and of `ockam-fsm check`, where each is judged on the real sessions.
\*
\*   invariants          S5 S7 S12 S18           read a state
\*   action properties   S1 S2 S3 S4 S6 S9 S16 S17 S19 S20 S21
\*                                               read a step: [][...]_vars
\*   witness             W1                      its negation is refuted
\*
\* Left out, because they speak of payloads and requests, which a state here does
\* not have: S8 S11 S13 (S8: Request.tla); and S22, since an order that is refused is
\* no step here. S10, S14 and S15 need more than one session. What must remain
\* possible: Recovery.tla.
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
\* S2: a transient session never renegotiates; CLOSED is final. What a closed end
\* said would be a message that was not there before.
ClosedStays(role) ==
    ends[role].state = "CLOSED" =>
        /\ Unchanged(role)
        /\ \A message \in Present(network') :
             message.to = Peer(role) => CopiesIn(message, network') <= CopiesIn(message, network)

S2_ClosedIsFinal ==
    [][\A role \in Roles : /\ ClosedStays(role)
                           /\ Persistent \/ ~Starts(role) \/ ends[role].state = "IDLE"]_vars

-----------------------------------------------------------------------------
\* S3: a persistent session keeps its state. (That its outer address stays is
\* visible in its type: nothing here ever assigns one.)
S3_StateSurvives ==
    [][Persistent =>
       \A role \in Roles : ends[role].hasState =>
           ends'[role].hasState \/ (role = "responder" /\ Forgotten)]_vars

-----------------------------------------------------------------------------
\* S4: numbers only grow; apart from a newer hello no message of another generation
\* changes an end. Written without At: an address that two generations share must
\* not hide which of them a message belongs to.
NumbersGrow(role) ==
    ~Less(ends'[role].seen, ends[role].seen) \/ (role = "responder" /\ Forgotten)

Concerns(end, message) ==
    CASE message.kind = "hello" -> Less(end.seen, message)
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
\* S5: a messaging route is known during a negotiation or a session only, so none
\* can be used after TIMED_OUT.
S5_RoutesAreForgotten ==
    \A role \in Roles :
        ends[role].state \in {"IDLE", "TIMED_OUT", "CLOSED"} =>
            ~Exists(ends[role].attempt) /\ ~Exists(ends[role].current)

-----------------------------------------------------------------------------
\* S6: a one-sided responder never starts a negotiation.
S6_OneSidedResponderNeverStarts == [][~TwoSided => ~Starts("responder")]_vars

-----------------------------------------------------------------------------
\* S7: established ends of one generation route to each other's current inner
\* addresses; a collision has one winner. Clause 15.2: among ends of which the
\* answerer's route leads to the present starter.
S7_EndsAgree ==
    LET i == ends.initiator
        r == ends.responder
        both == i.state = "ESTABLISHED" /\ r.state = "ESTABLISHED"
        known == IF i.current.starter = "initiator"
                 THEN r.current.peer = i.ordinal
                 ELSE i.current.peer = r.ordinal
    IN  both /\ i.current.number = r.current.number =>
            /\ i.current.starter = r.current.starter
            /\ known => i.current.peer = r.ordinal /\ r.current.peer = i.ordinal

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
\* S12: every counter stays within its limit; an unlimited one never moves.
S12_WithinLimits ==
    \A role \in Roles : \A name \in DOMAIN Limits[role] :
        LET limit == Limits[role][name]
        IN  ends[role].counters[name] \in 0 .. IF limit = Unlimited THEN 0 ELSE limit

-----------------------------------------------------------------------------
\* S16: between two attempts of an end a back-off has expired.
S16_RestedBeforeAttempt ==
    [][\A role \in Roles :
         Starts(role) => ends[role].rested \/ Expire(role, "BACK_OFF_EXPIRED")]_vars

-----------------------------------------------------------------------------
\* S17: the owner is told of every establishment, failure and closing, once.
Comes(before, run, state) == IF run.end.state = state /\ before.state # state THEN 1 ELSE 0
Told(before, run) ==
    /\ Count(run.performed, "NOTIFY_TIMED_OUT") = Comes(before, run, "TIMED_OUT")
    /\ Count(run.performed, "NOTIFY_CLOSED") = Comes(before, run, "CLOSED")
    /\ Count(run.performed, "NOTIFY_ESTABLISHED") = Count(run.performed, "ADOPT_LINK")

S17_OwnerIsTold ==
    [][\A role \in Roles : ends'[role].state # ends[role].state =>
         /\ \A message \in Present(network) :
              message.to = role /\ Arrives(message) => Told(ends[role], Received(message))
         /\ \A timer \in ends[role].timers :
              Expire(role, timer) => Told(ends[role], Expired(role, timer))
         /\ \A order \in DOMAIN Orders[role] :
              Order(role, order) => Told(ends[role], Ordered(role, order))]_vars

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
      [] OTHER -> {}

S18_EachStateHasItsOwn ==
    \A role \in Roles :
        LET end == ends[role]
        IN  /\ end.timers = TimersOf(role, end)
            /\ end.state \in {"NEGOTIATING", "RENEGOTIATING"} => Exists(end.attempt)
            /\ end.state = "ESTABLISHED" =>
                 Exists(end.current) /\ end.current.peer # 0 /\ ~Exists(end.attempt)

-----------------------------------------------------------------------------
\* S19: whatever is heard in the current generation is a sign of life: an end that
\* listens for silence starts its idle timer afresh, one that asks counts from zero.
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
\* S20: attempts and usable generations are counted, where they happen and only
\* there. (A closed end counts nothing any more.)
Counted(role, before, after) ==
    LET is(truth) == IF truth THEN 1 ELSE 0
        resting == after.state = "TIMED_OUT" /\ "BACK_OFF_EXPIRED" \notin after.timers
    IN  /\ after.counters.usable = is(after.state = "RENEGOTIATING" /\ Exists(after.current))
        /\ after.counters.resting = is(resting /\ Renegotiates(role))
        /\ CASE ~Persistent -> after.counters.attempts = 0
             [] Started(before, after, role) -> after.counters.attempts = before.counters.attempts + 1
             [] OTHER -> after.counters.attempts \in {before.counters.attempts, 0}

S20_CountersTellTheTruth ==
    [][\A role \in Roles :
         ends'[role].state \in {"CLOSED", "IDLE"} \/ Counted(role, ends[role], ends'[role])]_vars

-----------------------------------------------------------------------------
\* S21: what the peer waits for is said, once. Here: a keepalive is answered, at the
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

-----------------------------------------------------------------------------
\* W1: both ends are established in one generation. Every model that is checked has
\* a behaviour that leads there: this one must be REFUTED.
EstablishedTogether ==
    LET i == ends.initiator
        r == ends.responder
    IN  /\ i.state = "ESTABLISHED" /\ r.state = "ESTABLISHED"
        /\ Same(i.current, r.current) /\ i.current.peer = r.ordinal
Never_W1 == ~EstablishedTogether
=============================================================================

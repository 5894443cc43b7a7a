------------------------------ MODULE Recovery ------------------------------
\* What remains possible (R1, R2, R5 of spec/sessions.md section 8.3), said as what
\* must happen, under fairness.
\*
\* The difference. `ockam-fsm check` judges R on the graph: from every reachable
\* state some path of system steps leads to the goal (AG EF). Such a path may need
\* luck: a timer that does not expire before the answer is there. TLA+ has no
\* "some path"; it says that every fair behaviour gets there. So it has to be said
\* what luck is, and that is more:
\*
\*   patience   once it is calm no timer expires while a message is under way. That
\*              is what durations are for: a negotiation timer is longer than a
\*              round trip.
\*   calm       from some time on the environment does nothing: no loss, no
\*              duplicate, no order.
\*   fairness   an end that has timers armed all the time sees one expire; what is
\*              under way in the calm arrives.
\*
\* R1 needs fairness of the timers only: it is claimed in the storm too, whatever is
\* lost. R5 needs the calm: a storm that repeats an old hello for ever has it answered
\* for ever, since nobody confirms the answer (15.27). R2 needs all three. Under them these are stronger than AG EF
\* (every behaviour, not one), and weaker in one respect: nothing is said of
\* behaviours in which timers outrun messages for ever.
\*
\* Both leave out states from which a bound cut a step off (Beyond): there it is
\* not known what a real session would do next.
EXTENDS SessionProperties

VARIABLE calm
all == <<vars, calm>>

Expiring(role) ==
    /\ calm => network = EmptyBag
    /\ \E timer \in ends[role].timers : Expire(role, timer)
    /\ UNCHANGED calm

Arriving ==
    /\ \E message \in Present(network) : Deliver(message)
    /\ UNCHANGED calm

Storm ==
    /\ ~calm
    /\ \/ Environment /\ UNCHANGED calm
       \/ calm' = TRUE /\ UNCHANGED vars

RecoveryInit == Init /\ calm = FALSE
RecoveryNext ==
    \/ Arriving
    \/ \E role \in Roles : Expiring(role)
    \/ Storm

-----------------------------------------------------------------------------
\* A bound keeps this step of the system from happening.
ArrivesBeyond(message) == Received(message).beyond
ExpiresBeyond(role, timer) == Expired(role, timer).beyond
Beyond ==
    \/ \E message \in Present(network) : ArrivesBeyond(message)
    \/ \E role \in Roles : \E timer \in ends[role].timers : ExpiresBeyond(role, timer)

\* Weak fairness, written out: TLC evaluates ENABLED of a step by carrying it out,
\* uncached, which takes it seconds for a state. CanArrive and CanExpire are what
\* ENABLED is here.
CanArrive == calm /\ \E message \in Present(network) : ~ArrivesBeyond(message)
CanExpire(role) ==
    /\ calm => network = EmptyBag
    /\ \E timer \in ends[role].timers : ~ExpiresBeyond(role, timer)

Fairness ==
    /\ \A role \in Roles : []<>~CanExpire(role) \/ []<><<Expiring(role)>>_all
    /\ []<>~CanArrive \/ []<><<Arriving>>_all

RecoverySpec == RecoveryInit /\ [][RecoveryNext]_all /\ Fairness

-----------------------------------------------------------------------------
Opened == ends.initiator.state \notin {"IDLE", "CLOSED"}

Settled ==
    LET end == ends.initiator
        rests == end.state = "TIMED_OUT" /\ end.counters.resting = 1 /\ end.counters.held = 0
    IN  end.state \in {"ESTABLISHED", "CLOSED"} \/ rests

\* Two attempts are left: the first may meet an end that has to be caught up with.
\* An implicit session wants nothing unless a message waits for it, and its previous
\* generation cannot take it any more (15.3).
HasBudget ==
    LET counters == ends.initiator.counters
    IN  /\ Opened
        /\ BelowLimit(counters.attempts + 1, Limits.initiator.attempts)
        /\ Implicit => counters.held > 0 /\ counters.usable = 0

Orphaned ==
    /\ ends.responder.state # "IDLE"
    /\ ends.initiator.state \in {"IDLE", "CLOSED"}

\* R1: an opened initiator becomes established, closed, or rests with nothing held.
R1_InitiatorSettles == Opened ~> (Settled \/ Beyond)

\* R2: an opened persistent pair with budget left becomes established on both sides
\* in one generation.
R2_PairIsEstablished == (calm /\ HasBudget) ~> (EstablishedTogether \/ Beyond)

\* R5: no responder stays for ever without a live peer.
R5_OrphansAreReaped == (calm /\ Orphaned) ~> (~Orphaned \/ Beyond)
=============================================================================

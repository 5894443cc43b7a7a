------------------------------ MODULE Recovery ------------------------------
\* Recoverability (R1, R2, R5 of spec/sessions.md section 8.3) as liveness properties
\* under fairness.
\*
\* The difference. `ockam-fsm check` checks R on the graph: from every reachable
\* state some path of system steps leads to the goal (AG EF). Such a path may need
\* a favourable interleaving: a timer that does not expire before the answer arrives.
\* TLA+ has no "some path"; a liveness property claims that every fair behaviour reaches
\* the goal. So it needs explicit assumptions, which are stronger:
\*
\*   patience   in the calm no timer expires while a message is in flight. Real
\*              durations ensure this: a negotiation timer is longer than a
\*              round trip.
\*   calm       from some time on the environment takes no step: no loss, no
\*              duplicate, no order. Before it: the storm.
\*   fairness   of an end that always has timers armed, one expires; messages
\*              in flight in the calm arrive.
\*
\* R1 needs fairness of the timers only: it is claimed in the storm too, whatever is
\* lost. R5 needs the calm: a storm that repeats an old hello indefinitely has it answered
\* indefinitely, since the answer is not confirmed (15.27). R2 needs all three. Under them these
\* claims are stronger than AG EF (every behaviour, not one), and weaker in one respect: they
\* exclude behaviours in which timers always expire before messages arrive.
\*
\* Both leave out states in which a bound removed a step (Beyond): the next step of a
\* real session is unknown there.
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

\* Weak fairness, written out: TLC evaluates ENABLED of a step by computing the step,
\* uncached, which takes seconds for a state. CanArrive and CanExpire are equivalent to
\* ENABLED here.
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

\* Two attempts are left: the first may be needed to catch up.
\* An implicit session starts an attempt only if a message is held and its previous
\* generation can no longer carry it (15.3).
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

\* R5: no responder stays indefinitely without a live peer.
R5_OrphansAreReaped == (calm /\ Orphaned) ~> (~Orphaned \/ Beyond)
=============================================================================

------------------------- MODULE PublishingRecovery -------------------------
\* Recoverability of a publisher (R6 of spec/sessions.md section 8.3) as a liveness
\* property under fairness. Recovery.tla has the reasons.
\*
\*   patience   in the calm no session fails or ends while a message is in flight, or
\*              while the storage has work to do. Real durations ensure this.
\*   calm       from some time on the environment takes no step.
\*   fairness   messages in flight in the calm arrive; the storage completes its
\*              work; a pause ends; a session that may always fail does.
\*
\* States in which a bound removed a step (Beyond) are left out: the next step of a real
\* publisher is unknown there.
EXTENDS Publishing

VARIABLE calm
all == <<vars, calm>>

Quiet == network = EmptyBag /\ Serving /\ log.underWay = <<>> /\ ~pausing
MayFail == CanFail /\ (calm => Quiet)

Arriving == (\E message \in Present(network) : Deliver(message)) /\ UNCHANGED calm
Failing == MayFail /\ Fail /\ UNCHANGED calm
Storing == (OpenLog \/ Write \/ BackOff) /\ UNCHANGED calm
Retrying == Retry /\ UNCHANGED calm
Ending ==
    /\ calm => Quiet
    /\ \E identity \in DOMAIN responders : End(identity)
    /\ UNCHANGED calm

Storm ==
    /\ ~calm
    /\ \/ Environment /\ UNCHANGED calm
       \/ calm' = TRUE /\ UNCHANGED vars

RecoveryInit == Start /\ calm = FALSE
RecoveryNext == Arriving \/ Failing \/ Storing \/ Retrying \/ Ending \/ Storm

-----------------------------------------------------------------------------
FailsBeyond == MayFail /\ FailsNow.beyond
Beyond == FailsBeyond \/ \E message \in Present(network) : ArrivesBeyond(message)

\* Weak fairness, written out (Recovery.tla has the reason).
CanArrive == calm /\ \E message \in Present(network) : ~ArrivesBeyond(message)
CanStore == worker.state \in {"OPENING", "WAITING"} \/ log.underWay # <<>>

Fairness ==
    /\ []<>~CanArrive \/ []<><<Arriving>>_all
    /\ []<>~CanStore \/ []<><<Storing>>_all
    /\ []<>~pausing \/ []<><<Retrying>>_all
    /\ []<>~(MayFail /\ ~FailsNow.beyond) \/ []<><<Failing>>_all

RecoverySpec == RecoveryInit /\ [][RecoveryNext]_all /\ Fairness

-----------------------------------------------------------------------------
Unconfirmed == publisher.count > 0

\* R6: every accepted message is confirmed to its publisher.
R6_AllConfirmed == (calm /\ Unconfirmed) ~> (~Unconfirmed \/ Beyond)
=============================================================================

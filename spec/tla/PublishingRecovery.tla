------------------------- MODULE PublishingRecovery -------------------------
\* What remains possible for a publisher (R6 of spec/sessions.md section 8.3), said as
\* what must happen, under fairness. Recovery.tla says why it has to be said so.
\*
\*   patience   once it is calm no session fails or ends while a message is under way, or
\*              while the storage has something to do. That is what durations are for.
\*   calm       from some time on the environment does nothing.
\*   fairness   what is under way in the calm arrives; the storage does what it was asked
\*              to; a pause ends; a session that may fail all the time does.
\*
\* States from which a bound cut a step off (Beyond) are left out: there it is not known
\* what a real publisher would do next.
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

\* Weak fairness, written out (Recovery.tla says why).
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

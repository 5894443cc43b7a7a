------------------------- MODULE ConsumingRecovery -------------------------
\* Recoverability of a consumer (R4 of spec/sessions.md section 8.3) as a liveness
\* property under fairness. Recovery.tla has the reasons.
\*
\*   patience   in the calm no request expires while a message is in flight.
\*   calm       from some time on the environment takes no step.
\*   fairness   messages in flight in the calm arrive; the log is opened; a consumer
\*              with a timer goes on: the application has processed its message, a
\*              poll or a request expires, the supervisor starts another one.
\*
\* States in which a bound removed a request for all unprocessed messages (Beyond) are left
\* out: the next step of a real consumer is unknown there. A consumer polls without end, so
\* the bound on its requests removes a step in each behaviour. One that has skipped a
\* message and polls for later ones is not left out, since its next step is known not to help.
EXTENDS Consuming

VARIABLE calm
all == <<vars, calm>>

Overdue == calm => network = EmptyBag

Arriving == (\E message \in Present(network) : Deliver(message)) /\ UNCHANGED calm
Opening == OpenLog /\ UNCHANGED calm
GoingOn ==
    /\ \/ Process \/ Expire("poll", "POLL_DUE") \/ Supervise
       \/ Overdue /\ Expire("request", "REQUEST_EXPIRED")
    /\ UNCHANGED calm

Storm ==
    /\ ~calm
    /\ \/ Environment /\ UNCHANGED calm
       \/ calm' = TRUE /\ UNCHANGED vars

RecoveryInit == Start /\ calm = FALSE
RecoveryNext == Arriving \/ Opening \/ GoingOn \/ Storm

-----------------------------------------------------------------------------
Unprocessed == (0..Messages - 1) \ Done

\* A bound removes a delivery, or a step of the consumer.
ArrivesBeyond(message) == message.to = "consumer" /\ PassesBound(Received(message))
GoesOnBeyond ==
    \/ "processing" \in timers /\ PassesBound(Processed)
    \/ "poll" \in timers /\ PassesBound(Expired("poll", "POLL_DUE"))

\* What it would request then.
RequestsAll(s, missing) == \A index \in missing : s.one.saved <= index
Beyond ==
    \/ \E message \in Present(network) :
            ArrivesBeyond(message) /\ RequestsAll(Received(message), Unprocessed)
    \/ /\ "processing" \in timers /\ PassesBound(Processed)
       /\ RequestsAll(Processed, Unprocessed \ {Head(consumer.batch)})
    \/ /\ "poll" \in timers /\ PassesBound(Expired("poll", "POLL_DUE"))
       /\ RequestsAll(Expired("poll", "POLL_DUE"), Unprocessed)

\* Weak fairness, written out (Recovery.tla has the reason).
CanArrive == calm /\ \E message \in Present(network) : ~ArrivesBeyond(message)
CanGoOn == timers # {} /\ ("request" \in timers => Overdue) /\ ~GoesOnBeyond

Fairness ==
    /\ []<>~CanArrive \/ []<><<Arriving>>_all
    /\ []<>(stream # Stream!Initial) \/ []<><<Opening>>_all
    /\ []<>~CanGoOn \/ []<><<GoingOn>>_all

RecoverySpec == RecoveryInit /\ [][RecoveryNext]_all /\ Fairness

-----------------------------------------------------------------------------
\* R4: every stored message is processed.
R4_AllProcessed == (calm /\ Unprocessed # {}) ~> (Unprocessed = {} \/ Beyond)
=============================================================================

---------------------------- MODULE SessionSteps ----------------------------
\* The behaviours of SessionPair with a description of each step. TLC writes its state
\* graph as states and arrows, labelled only with the name of an action. Test cases
\* need more of each step (the message that arrived, the rows taken, the messages sent),
\* so a step leaves its description in the state, and the step Rest removes it.
\*
\* Each state of SessionPair is one here, without a description; each step of
\* SessionPair is one here, to a state that describes it, followed by Rest. So
\* the graph has as many described steps as SessionPair has steps.
\*
\* Left out: restarts. The worlds of the test cases have none.
EXTENDS SessionPair

VARIABLE step       \* the description of the last step

stepped == <<ends, network, orders, step>>

\* by: the kind of step; role: of the end; name: of the timer, or of the order; message:
\* the one that arrived, or was lost. rows: the ids of the rows taken.
Said(by, role, name, message, rows, sent) ==
    [by |-> by, role |-> role, name |-> name, message |-> message, rows |-> rows, sent |-> sent]
Resting == Said("rest", "nobody", "", NoMessage, <<>>, <<>>)

\* The rows that a run takes for its events, one after the other.
RECURSIVE Rows(_, _, _, _)
Rows(run, role, events, cause) ==
    IF events = <<>> THEN <<>>
    ELSE LET event == Head(events)
             decision == Decide(role, Spawned(run, role, event).end, event)
             row == IF decision.verdict = "row" THEN <<decision.row>> ELSE <<>>
         IN  row \o Rows(Take(run, role, event, cause), role, Tail(events), cause)

-----------------------------------------------------------------------------
Arrived(by, message) ==
    LET role == message.to
        rows == Rows(Run(ends[role]), role, Judge(ends[role], role, message), message)
    IN  step' = Said(by, role, "", message, rows, Received(message).sent)

Arriving ==
    \E message \in Present(network) :
        \/ Deliver(message) /\ Arrived("deliver", message)
        \/ Duplicate(message) /\ Arrived("duplicate", message)

Losing ==
    \E message \in Present(network) :
        /\ Drop(message)
        /\ step' = Said("drop", message.to, "", message, <<>>, <<>>)

Expiring ==
    \E role \in Roles : \E timer \in ends[role].timers :
        LET left == [ends[role] EXCEPT !.timers = @ \ {timer}]
        IN  /\ Expire(role, timer)
            /\ step' = Said("expire", role, timer, NoMessage,
                            Rows(Run(left), role, <<EventOf(timer)>>, NoMessage), Expired(role, timer).sent)

Ordering ==
    \E role \in Roles : \E order \in DOMAIN Orders[role] :
        /\ Order(role, order)
        /\ step' = Said("order", role, order, NoMessage,
                        Rows(Run(ends[role]), role, <<EventOf(order)>>, Handed(ends[role], order)),
                        Ordered(role, order).sent)

Stepping == step = Resting /\ (Arriving \/ Losing \/ Expiring \/ Ordering)
Rest == step # Resting /\ step' = Resting /\ UNCHANGED vars

StepsInit == Init /\ step = Resting
StepsSpec == StepsInit /\ [][Stepping \/ Rest]_stepped
=============================================================================

---------------------------- MODULE SessionSteps ----------------------------
\* The same behaviours, and of each step what it was. TLC writes its state graph as
\* states and arrows, and on an arrow no more than the name of an action. Test cases
\* are made of steps (which message arrived, which rows were taken, what was sent),
\* so a step leaves its description behind, which is taken away before the next one.
\*
\* Each state of SessionPair is one here, with nothing described; each step of
\* SessionPair is one here, to a state that describes it, and then comes Rest. So
\* the graph has as many described steps as SessionPair has steps.
\*
\* Left out: restarts. The worlds that test cases come from have none.
EXTENDS SessionPair

VARIABLE step       \* what happened last

stepped == <<ends, network, orders, step>>

\* by: what kind of step; role: whose; name: of the timer, or of the order; message:
\* the one that arrived, or was lost. rows: those that were taken, by their ids.
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

------------------------------- MODULE Table -------------------------------
\* The vocabulary of the generated tables in tables/. A table is a
\* function Decide(state, event, c, max) to a decision: a row is taken, or the
\* event is ignored (nothing changes), or refused (an error to its source).
EXTENDS Integers

\* A counter may be unlimited, and then it never changes.
Unlimited == -1

AtLimit(value, limit) == limit # Unlimited /\ value >= limit
BelowLimit(value, limit) == ~AtLimit(value, limit)

Increment(value, limit) ==
    CASE limit = Unlimited -> 0 [] value < limit -> value + 1 [] OTHER -> limit
Decrement(value, limit) ==
    IF limit = Unlimited \/ value = 0 THEN 0 ELSE value - 1

\* A row: its id, target state, counters after it, and effects in order.
Row(id, state, counters, effects) ==
    [verdict |-> "row", row |-> id, state |-> state, counters |-> counters, effects |-> effects]
Ignored(because) == [verdict |-> "ignored", because |-> because]
Refused(because) == [verdict |-> "refused", because |-> because]
=============================================================================

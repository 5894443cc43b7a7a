-------------------------- MODULE ChannelRecovery --------------------------
\* Recoverability of a secure channel (R5 and R8 of spec/sessions.md, section 8.3) as
\* liveness properties under fairness. Recovery.tla explains the difference from
\* `ockam-fsm check`, and the need for patience, calm and fairness.
\*
\* In the calm a stranger is silent as well. Handshakes that he began before stay.
EXTENDS ChannelProperties

CONSTANT Persistent     \* the initiator negotiates again after a failure

VARIABLE calm
all == <<vars, calm>>

Expiring ==
    /\ calm => network = EmptyBag
    /\ \E name \in DOMAIN ends : \E timer \in ends[name].timers : Expire(name, timer)
    /\ UNCHANGED calm

Arriving ==
    /\ \E message \in Present(network) : Deliver(message)
    /\ UNCHANGED calm

Storm ==
    /\ ~calm
    /\ \/ Environment /\ UNCHANGED calm
       \/ calm' = TRUE /\ UNCHANGED vars

RecoveryInit == Init /\ calm = FALSE
RecoveryNext == Arriving \/ Expiring \/ Storm

-----------------------------------------------------------------------------
\* A bound keeps this step of the system from happening.
ArrivesBeyond(message) == Arrived(message).beyond
ExpiresBeyond(name, timer) == Expired(name, timer).beyond
Beyond ==
    \/ \E message \in Present(network) : ArrivesBeyond(message)
    \/ \E name \in DOMAIN ends : \E timer \in ends[name].timers : ExpiresBeyond(name, timer)

\* Weak fairness, written out (Recovery.tla has the reason). It covers all responders of the
\* host together: one whose timers expire soon closes, so none can starve the others.
CanArrive == calm /\ \E message \in Present(network) : ~ArrivesBeyond(message)
Of(role) == {name \in DOMAIN ends : Role(name) = role}
CanExpire(role) ==
    /\ calm => network = EmptyBag
    /\ \E name \in Of(role) : \E timer \in ends[name].timers : ~ExpiresBeyond(name, timer)
ExpiringAt(role) ==
    /\ Expiring
    /\ \E name \in Of(role) : \E timer \in ends[name].timers : Expire(name, timer)

Fairness ==
    /\ \A role \in {"initiator", "responder"} : []<>~CanExpire(role) \/ []<><<ExpiringAt(role)>>_all
    /\ []<>~CanArrive \/ []<><<Arriving>>_all

RecoverySpec == RecoveryInit /\ [][RecoveryNext]_all /\ Fairness

-----------------------------------------------------------------------------
\* Two attempts are left.
HasBudget ==
    Persistent => BelowLimit(ends[InitiatorEnd].counters.attempts + 1, Limits.initiator.attempts)

\* The next message of one end in its channel can be read by the other in its own.
CanTell(writer, reader) ==
    writer.sent < Nonces /\ InWindow(writer.sent, HeardNonces(reader))
HearEachOther ==
    LET mine == ends[InitiatorEnd].current
        both(theirs) == /\ theirs.peer = mine.own /\ theirs.own = mine.peer
                        /\ CanTell(mine, theirs) /\ CanTell(theirs, mine)
    IN  EstablishedTogether /\ \E name \in Responders : both(ends[name].current)
Closed == ends[InitiatorEnd].state = "CLOSED"

Orphaned == Responders # {} /\ ends[InitiatorEnd].state \in {"IDLE", "CLOSED"}

\* R5: no responder stays indefinitely without a live peer.
R5_OrphansAreReaped == (calm /\ Orphaned) ~> (~Orphaned \/ Beyond)

\* R8: the ends of an established pair with budget left hear each other again; a transient one
\* may close instead.
R8_HearEachOther ==
    (calm /\ EstablishedTogether /\ HasBudget) ~> (HearEachOther \/ (~Persistent /\ Closed) \/ Beyond)
=============================================================================

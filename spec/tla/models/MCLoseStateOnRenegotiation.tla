GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------- MODULE MCLoseStateOnRenegotiation --------------------------------------
\* lose-state-on-renegotiation: a persistent session would lose its state
EXTENDS Wrong

Initiator == INSTANCE ExplicitPersistentOneSidedInitiator
Responder == INSTANCE ExplicitPersistentOneSidedResponder
TheInitiatorDecide(state, event, c, max) == Initiator!Decide(state, event, c, max)
TheInitiatorEvents == Initiator!Events
TheResponderDecide(state, event, c, max) == Responder!Decide(state, event, c, max)
TheResponderEvents == Responder!Events
TheLimits ==
    [initiator |-> [attempts |-> 2, held |-> 1, misses |-> 1, usable |-> 1, confirmed |-> 1, resting |-> 1],
     responder |-> [attempts |-> 2, held |-> 1, misses |-> 1, usable |-> 1, confirmed |-> 1, resting |-> 1]]
TheOrders ==
    [initiator |-> [OPEN |-> 1, SEND |-> 0, REQUEST |-> 0, WITHDRAW |-> 0, RENEGOTIATE |-> 0, CLOSE |-> 0, STOP |-> 0, RESTART |-> 0],
     responder |-> [OPEN |-> 0, SEND |-> 0, REQUEST |-> 0, WITHDRAW |-> 0, RENEGOTIATE |-> 0, CLOSE |-> 0, STOP |-> 0, RESTART |-> 0]]
==============================================================================================================

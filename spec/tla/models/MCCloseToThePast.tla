GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------ MODULE MCCloseToThePast -------------------------------------------
\* close-to-the-past: a peer that has just renegotiated would not receive the close
EXTENDS Wrong

Initiator == INSTANCE ExplicitPersistentOneSidedInitiator
Responder == INSTANCE ExplicitPersistentOneSidedResponder
TheInitiatorDecide(state, event, c, max) == Initiator!Decide(state, event, c, max)
TheInitiatorEvents == Initiator!Events
TheResponderDecide(state, event, c, max) == Responder!Decide(state, event, c, max)
TheResponderEvents == Responder!Events
TheLimits ==
    [initiator |-> [attempts |-> 2, held |-> 1, misses |-> 0, usable |-> 1, confirmed |-> 1, resting |-> 1],
     responder |-> [attempts |-> 2, held |-> 1, misses |-> 0, usable |-> 1, confirmed |-> 1, resting |-> 1]]
TheOrders ==
    [initiator |-> [OPEN |-> 1, SEND |-> 1, REQUEST |-> 0, WITHDRAW |-> 1, RENEGOTIATE |-> 1, CLOSE |-> 1, STOP |-> 0, RESTART |-> 0],
     responder |-> [OPEN |-> 0, SEND |-> 0, REQUEST |-> 0, WITHDRAW |-> 0, RENEGOTIATE |-> 1, CLOSE |-> 1, STOP |-> 1, RESTART |-> 0]]
==============================================================================================================

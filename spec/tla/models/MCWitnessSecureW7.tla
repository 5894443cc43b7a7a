GENERATED from ockam_fsm/specification/tlc_channel_model.py; edit that
------------------------------------------ MODULE MCWitnessSecureW7 ------------------------------------------
\* explicit-transient, secure: an orphaned responder is reaped, which refutes this claim
EXTENDS ChannelProperties

Initiator == INSTANCE ExplicitTransientInitiator
Responder == INSTANCE ExplicitTransientResponder
TheInitiatorDecide(state, event, c, max) == Initiator!Decide(state, event, c, max)
TheInitiatorEvents == Initiator!Events
TheResponderDecide(state, event, c, max) == Responder!Decide(state, event, c, max)
TheResponderEvents == Responder!Events
TheLimits ==
    [initiator |-> [attempts |-> 2, held |-> 1, misses |-> 1, usable |-> 1, confirmed |-> 1, resting |-> 1],
     responder |-> [attempts |-> 2, held |-> 0, misses |-> 1, usable |-> 1, confirmed |-> 1, resting |-> 1]]
TheOrders ==
    [initiator |-> [OPEN |-> 1, REQUEST |-> 1]]
==============================================================================================================

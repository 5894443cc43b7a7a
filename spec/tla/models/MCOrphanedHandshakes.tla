GENERATED from ockam_fsm/specification/tlc_channel_model.py; edit that
---------------------------------------- MODULE MCOrphanedHandshakes -----------------------------------------
\* orphaned-handshakes: handshakes begun by a stranger would fill a host permanently
EXTENDS ChannelRecovery

Initiator == INSTANCE OrphanedHandshakesExplicitTransientInitiator
Responder == INSTANCE OrphanedHandshakesExplicitTransientResponder
TheInitiatorDecide(state, event, c, max) == Initiator!Decide(state, event, c, max)
TheInitiatorEvents == Initiator!Events
TheResponderDecide(state, event, c, max) == Responder!Decide(state, event, c, max)
TheResponderEvents == Responder!Events
TheLimits ==
    [initiator |-> [attempts |-> 2, held |-> 1, misses |-> 0, usable |-> 1, confirmed |-> 1, resting |-> 1],
     responder |-> [attempts |-> 2, held |-> 0, misses |-> 0, usable |-> 1, confirmed |-> 1, resting |-> 1]]
TheOrders ==
    [initiator |-> [OPEN |-> 1, SEND |-> 1, CLOSE |-> 1]]
==============================================================================================================

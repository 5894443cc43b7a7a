GENERATED from ockam_fsm/specification/tlc_node_model.py; edit that
------------------------------------------ MODULE MCWitnessNodeW12 -------------------------------------------
\* a node: a worker is stopped for repeated failures while another worker continues, which refutes this claim
EXTENDS Node
TheLimits == [connection |-> [held |-> 1, misses |-> 0], worker |-> [failures |-> 1]]
TheOrders == [SEND |-> [x |-> 2, y |-> 1], FAIL |-> 1, FAIL_AND_WORK |-> 1]
TheHangUps == [x |-> 1, y |-> 0]
==============================================================================================================

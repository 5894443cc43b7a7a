GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------- MODULE MCNoSuppression -------------------------------------------
\* no-suppression: a retransmitted message would be stored twice
EXTENDS Publishing
==============================================================================================================

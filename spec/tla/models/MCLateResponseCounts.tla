GENERATED from ockam_fsm/specification/specified.py; edit that
---------------------------------------- MODULE MCLateResponseCounts -----------------------------------------
\* late-response-counts: a request would have two outcomes
EXTENDS Request
==============================================================================================================

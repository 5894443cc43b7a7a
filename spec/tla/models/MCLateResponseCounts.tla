GENERATED from ockam_fsm/specification/tlc_models.py; edit that
---------------------------------------- MODULE MCLateResponseCounts -----------------------------------------
\* late-response-counts: a request would have two outcomes
EXTENDS Request
==============================================================================================================

GENERATED from ockam_fsm/checking/specified.py and worlds.py; edit that
---------------------------------------- MODULE MCLateResponseCounts -----------------------------------------
\* late-response-counts: a request would have two outcomes
EXTENDS Request
==============================================================================================================

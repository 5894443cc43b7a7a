GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
------------------------------------------- MODULE MCWaitsForEver --------------------------------------------
\* waits-for-ever: a consumer would stop when a response is lost
EXTENDS ConsumingRecovery
==============================================================================================================

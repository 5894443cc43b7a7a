GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
---------------------------------------- MODULE MCRecoveryPassesOver -----------------------------------------
\* passes-over: a skipped message would never be processed
EXTENDS ConsumingRecovery
==============================================================================================================

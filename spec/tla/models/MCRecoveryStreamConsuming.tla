GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
-------------------------------------- MODULE MCRecoveryStreamConsuming --------------------------------------
\* a stream: recoverability, under fairness
EXTENDS ConsumingRecovery
==============================================================================================================

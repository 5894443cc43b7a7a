GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
-------------------------------------- MODULE MCWitnessStreamConsuming ---------------------------------------
\* a stream: a message is processed twice, which refutes this claim
EXTENDS Consuming
==============================================================================================================

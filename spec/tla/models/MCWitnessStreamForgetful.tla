GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
-------------------------------------- MODULE MCWitnessStreamForgetful ---------------------------------------
\* publisher and stream worker, forgetful: a publisher is notified that its record is lost, which refutes this
\* claim
EXTENDS Publishing
==============================================================================================================

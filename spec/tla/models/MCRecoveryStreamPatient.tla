GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCRecoveryStreamPatient ---------------------------------------
\* publisher and stream worker, patient: recoverability, under fairness, and safety
EXTENDS PublishingRecovery
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------ MODULE MCRecoveryStreamPatientFaulty ------------------------------------
\* publisher and stream worker, patient-faulty: recoverability, under fairness, and safety
EXTENDS PublishingRecovery
==============================================================================================================

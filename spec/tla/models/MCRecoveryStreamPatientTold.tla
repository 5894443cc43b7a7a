GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------- MODULE MCRecoveryStreamPatientTold -------------------------------------
\* publisher and stream worker, patient-told: recoverability, under fairness, and safety
EXTENDS PublishingRecovery
==============================================================================================================

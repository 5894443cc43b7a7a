GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------- MODULE MCRecoveryStreamPatientTold -------------------------------------
\* publisher and stream worker, patient-told: what must remain possible, under fairness, and what holds always
EXTENDS PublishingRecovery
==============================================================================================================

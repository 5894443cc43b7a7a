GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------ MODULE MCRecoveryStreamPatientFaulty ------------------------------------
\* publisher and stream worker, patient-faulty: what must remain possible, under fairness, and what holds
\* always
EXTENDS PublishingRecovery
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCRecoveryStreamPatient ---------------------------------------
\* publisher and stream worker, patient: what must remain possible, under fairness, and what holds always
EXTENDS PublishingRecovery
==============================================================================================================

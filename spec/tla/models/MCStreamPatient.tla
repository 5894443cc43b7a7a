GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------- MODULE MCStreamPatient -------------------------------------------
\* publisher and stream worker, patient: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

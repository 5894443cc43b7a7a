GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCStreamBeginning ------------------------------------------
\* publisher and stream worker, beginning: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

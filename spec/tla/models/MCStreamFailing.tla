GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------- MODULE MCStreamFailing -------------------------------------------
\* publisher and stream worker, failing: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCStreamPublishing ------------------------------------------
\* publisher and stream worker, publishing: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

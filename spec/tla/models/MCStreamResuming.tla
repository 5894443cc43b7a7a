GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCStreamResuming -------------------------------------------
\* publisher and stream worker, resuming: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
-------------------------------------------- MODULE MCStreamTold ---------------------------------------------
\* publisher and stream worker, told: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

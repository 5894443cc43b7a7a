GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCStreamForgetful ------------------------------------------
\* publisher and stream worker, forgetful: a publisher, its session, a stream worker and its log
EXTENDS Publishing
==============================================================================================================

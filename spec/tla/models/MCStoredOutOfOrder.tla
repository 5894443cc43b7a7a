GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCStoredOutOfOrder ------------------------------------------
\* stored-out-of-order: a message would be stored before an earlier one
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCStoredOutOfOrder ------------------------------------------
\* stored-out-of-order: a message would be stored before one that was accepted earlier
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------- MODULE MCNoSuppression -------------------------------------------
\* no-suppression: a message that is sent again would be stored twice
EXTENDS Publishing
==============================================================================================================

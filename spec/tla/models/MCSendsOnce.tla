GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------------- MODULE MCSendsOnce ---------------------------------------------
\* sends-once: a message whose request failed would never be confirmed
EXTENDS PublishingRecovery
==============================================================================================================

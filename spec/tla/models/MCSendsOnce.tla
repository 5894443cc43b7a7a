GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------------- MODULE MCSendsOnce ---------------------------------------------
\* sends-once: a message would wait for ever after a failure
EXTENDS PublishingRecovery
==============================================================================================================

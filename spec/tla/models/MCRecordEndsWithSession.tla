GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCRecordEndsWithSession ---------------------------------------
\* record-ends-with-session: the messages of a publisher that returns late would be stored twice
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCRecordEndsWithSession ---------------------------------------
\* record-ends-with-session: a publisher that comes back late would have its messages stored twice
EXTENDS Publishing
==============================================================================================================

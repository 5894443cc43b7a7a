GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCResumedWithoutRecord ----------------------------------------
\* resumed-without-record: a publisher would resend to a stream that has lost its record
EXTENDS Publishing
==============================================================================================================

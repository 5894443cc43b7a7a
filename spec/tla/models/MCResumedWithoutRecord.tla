GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------- MODULE MCResumedWithoutRecord ----------------------------------------
\* resumed-without-record: a publisher would send again to a stream that has forgotten it
EXTENDS Publishing
==============================================================================================================

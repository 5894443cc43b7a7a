GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCUnderWayIsUnknown -----------------------------------------
\* under-way-is-unknown: a message would be stored twice if the storage is slow
EXTENDS Publishing
==============================================================================================================

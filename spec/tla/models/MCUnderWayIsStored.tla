GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCUnderWayIsStored ------------------------------------------
\* under-way-is-stored: a message would be confirmed that the storage never writes
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCUnderWayIsStored ------------------------------------------
\* under-way-is-stored: a message that the storage never writes would be confirmed
EXTENDS Publishing
==============================================================================================================

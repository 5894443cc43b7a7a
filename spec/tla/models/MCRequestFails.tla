GENERATED from ockam_fsm/specification/specified.py; edit that
------------------------------------------- MODULE MCRequestFails --------------------------------------------
\* a synchronous request whose caller wants to be told of a failure
EXTENDS Request
==============================================================================================================

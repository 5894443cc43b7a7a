GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------- MODULE MCRequestFails --------------------------------------------
\* a synchronous request whose caller wants to be told of a failure
EXTENDS Request
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------- MODULE MCRequestFails --------------------------------------------
\* a synchronous request that fails with its session
EXTENDS Request
==============================================================================================================

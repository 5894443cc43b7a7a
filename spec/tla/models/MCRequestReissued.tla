GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------ MODULE MCRequestReissued ------------------------------------------
\* a synchronous request that is reissued after a failure
EXTENDS Request
==============================================================================================================

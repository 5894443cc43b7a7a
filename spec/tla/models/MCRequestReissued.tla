GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------ MODULE MCRequestReissued ------------------------------------------
\* a synchronous request whose caller wants it to be sent again
EXTENDS Request
==============================================================================================================

GENERATED from ockam_fsm/checking/specified.py and worlds.py; edit that
------------------------------------------ MODULE MCRequestReissued ------------------------------------------
\* a synchronous request whose caller wants it to be sent again
EXTENDS Request
==============================================================================================================

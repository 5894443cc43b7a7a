GENERATED from ockam_fsm/specification/specified.py; edit that
------------------------------------------ MODULE MCNoRequestTimer -------------------------------------------
\* no-request-timer: a lost response would be waited for, for ever
EXTENDS Request
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------ MODULE MCNoRequestTimer -------------------------------------------
\* no-request-timer: a lost response would be waited for, for ever
EXTENDS Request
==============================================================================================================

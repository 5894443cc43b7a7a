GENERATED from ockam_fsm/specification/tlc_models.py; edit that
------------------------------------------ MODULE MCNoRequestTimer -------------------------------------------
\* no-request-timer: a request would wait indefinitely for a lost response
EXTENDS Request
==============================================================================================================

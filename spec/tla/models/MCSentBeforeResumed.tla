GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCSentBeforeResumed -----------------------------------------
\* sent-before-resumed: a publisher would resend before it knows whether the stream has its record
EXTENDS Publishing
==============================================================================================================

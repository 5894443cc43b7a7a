GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCSentBeforeResumed -----------------------------------------
\* sent-before-resumed: a publisher would send again before it knows whether the stream remembers it
EXTENDS Publishing
==============================================================================================================

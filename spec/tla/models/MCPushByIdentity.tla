GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCPushByIdentity -------------------------------------------
\* push-by-identity: a late push would be stored although its publisher has started over
EXTENDS Publishing
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
----------------------------------------- MODULE MCSuppressByHighest -----------------------------------------
\* suppress-by-highest: a message lost on the way would be confirmed
EXTENDS Publishing
==============================================================================================================

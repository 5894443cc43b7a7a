GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCIdentityReused -------------------------------------------
\* identity-reused: new messages after a restart would be confirmed as duplicates of old ones
EXTENDS Publishing
==============================================================================================================

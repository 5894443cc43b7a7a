GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
------------------------------------------ MODULE MCIdentityReused -------------------------------------------
\* identity-reused: what a publisher publishes after a restart would be taken for what it published before
EXTENDS Publishing
==============================================================================================================

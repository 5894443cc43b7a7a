GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------------- MODULE MCUnfenced ----------------------------------------------
\* unfenced: a late write of a killed worker would store a message twice
EXTENDS Publishing
==============================================================================================================

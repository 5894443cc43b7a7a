GENERATED from ockam_fsm/specification/tlc_publisher_model.py; edit that
--------------------------------------------- MODULE MCUnfenced ----------------------------------------------
\* unfenced: the write of a killed worker would land late, and its message be stored twice
EXTENDS Publishing
==============================================================================================================

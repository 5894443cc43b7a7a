GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
----------------------------------------- MODULE MCIndexOverwritten ------------------------------------------
\* index-overwritten: a late save would move the saved index of a group back
EXTENDS Consuming
==============================================================================================================

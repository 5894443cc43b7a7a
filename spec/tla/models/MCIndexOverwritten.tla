GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
----------------------------------------- MODULE MCIndexOverwritten ------------------------------------------
\* index-overwritten: an index that was overtaken would turn a group of consumers back
EXTENDS Consuming
==============================================================================================================

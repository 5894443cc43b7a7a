GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
------------------------------------ MODULE MCIndexSavedBeforeProcessing -------------------------------------
\* index-saved-before-processing: an unprocessed message would be skipped after a restart
EXTENDS Consuming
==============================================================================================================

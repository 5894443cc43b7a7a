GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
------------------------------------ MODULE MCIndexSavedBeforeProcessing -------------------------------------
\* index-saved-before-processing: a message that was not processed would be passed over
EXTENDS Consuming
==============================================================================================================

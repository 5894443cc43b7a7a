GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
-------------------------------- MODULE MCRecoveryIndexSavedBeforeProcessing ---------------------------------
\* index-saved-before-processing: a skipped message would never be processed
EXTENDS ConsumingRecovery
==============================================================================================================

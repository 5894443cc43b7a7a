GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
----------------------------------------- MODULE MCAnyResponseCounts -----------------------------------------
\* any-response-counts: a late response would move a consumer's index back
EXTENDS Consuming
==============================================================================================================

GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
------------------------------------------ MODULE MCStreamConsuming ------------------------------------------
\* a stream: a consumer that continues from its saved index
EXTENDS Consuming
==============================================================================================================

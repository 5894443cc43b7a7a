GENERATED from ockam_fsm/specification/tlc_stream_model.py; edit that
-------------------------------------------- MODULE MCPassesOver ---------------------------------------------
\* passes-over: a message that cannot be processed would be lost without a report
EXTENDS Consuming
==============================================================================================================

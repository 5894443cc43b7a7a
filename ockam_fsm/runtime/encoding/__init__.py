"""Bytes: BARE values, Ockam messages and frames, stream protocol messages. No I/O."""

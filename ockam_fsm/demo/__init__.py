"""A demonstration with killed processes: a secure channel over a stream over TCP, as in Ockam's discussion."""

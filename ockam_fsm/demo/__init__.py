"""A demonstration of the whole pipeline with killed processes: a secure channel over a stream over TCP."""

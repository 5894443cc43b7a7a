"""The discussion's whole pipeline between real processes: a secure channel over a stream over TCP, under kills."""

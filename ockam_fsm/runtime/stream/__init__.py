"""The four workers of a stream, without I/O: each takes an input, drives its table, and returns commands."""

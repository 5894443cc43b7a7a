"""Streams over TCP: the service of a node, publishers and consumers."""

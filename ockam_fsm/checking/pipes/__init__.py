"""Pipes in closed worlds: actors around the real senders and receivers, properties, worlds, known-bad machines."""

"""Streams in closed worlds: actors around the real workers, properties, worlds, known-bad machines."""

"""The real workers of a stream in closed worlds: actors, properties, worlds, known-bad machines."""

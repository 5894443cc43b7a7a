"""The real ends of pipes in closed worlds: actors, properties, worlds, known-bad machines."""

"""The checking of sessions: their worlds, their properties, and the known-bad machines."""

"""A node around sessions: router, workers, spawners, connections, services. No I/O."""

"""One end of a session: handshake, table-driven state, requests. No I/O."""

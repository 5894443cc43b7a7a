"""The ends of pipes, without I/O: what confirms and sends again, and what orders."""

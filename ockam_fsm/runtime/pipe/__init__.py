"""The ends of pipes, without I/O: senders and receivers that confirm, and receivers that order."""

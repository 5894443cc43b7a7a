"""Streams that outlive a process, behind one interface (interface.py): in memory, in SQLite, in Kafka."""

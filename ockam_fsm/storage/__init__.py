"""Storages of streams behind one interface (interface.py): in memory, in SQLite, in Kafka."""

"""Sockets: the node, sessions and connections over TCP, timers and observability on asyncio."""

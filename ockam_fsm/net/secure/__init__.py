"""Secure channels over TCP or any other layer that carries a session. It needs the extra `secure`."""

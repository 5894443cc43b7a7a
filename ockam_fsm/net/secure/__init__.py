"""Secure channels over TCP, or over whatever else carries a session. It needs the extra `secure`."""

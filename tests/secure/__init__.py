"""Secure channels: vectors, refusals, loss, identities, stored identities."""

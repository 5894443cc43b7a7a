"""The time of day, for texts only: no decision depends on it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_minute() -> str:
    """Return the current time, as in `2026-01-31 12:59 UTC`."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")

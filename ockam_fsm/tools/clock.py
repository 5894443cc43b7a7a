"""The time of day, for what people read: no decision depends on it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_minute() -> str:
    """Now, as `2026-01-31 12:59 UTC`."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")

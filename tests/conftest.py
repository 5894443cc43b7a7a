"""For every test."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """A run in the background of a shell starts with Ctrl-C ignored, and so would its child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

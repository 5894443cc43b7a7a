"""For every test."""

from __future__ import annotations

import os
import signal

from hypothesis import Phase, settings

settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
if "MUTANT_UNDER_TEST" in os.environ:  # whether a mutant is seen counts, and no smaller example of it
    settings.load_profile("mutants")


def pytest_configure() -> None:
    """A run in the background of a shell starts with Ctrl-C ignored, and so would its child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

"""For every test."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import Phase, settings

from tests.recording import RECORDING

settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
if "MUTANT_UNDER_TEST" in os.environ:  # whether a mutant is seen counts, and no smaller example of it
    settings.load_profile("mutants")


def pytest_configure() -> None:
    """A run in the background of a shell starts with Ctrl-C ignored, and so would its child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    RECORDING.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """A test of sessions that fails says what its ends have said to each other."""
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as error:
        RECORDING.explain(error)
        raise

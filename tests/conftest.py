"""Fixtures and hooks of all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import Phase, settings

from tests.recording import RECORDING

settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
if "MUTANT_UNDER_TEST" in os.environ:  # only whether a mutant is killed matters, so examples are not shrunk
    settings.load_profile("mutants")


def pytest_configure() -> None:
    """Restore the handling of Ctrl-C: a background run of a shell starts with it ignored, as would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    RECORDING.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Add the sequence chart of its session ends to the error of a failing test."""
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as error:
        RECORDING.explain(error)
        raise

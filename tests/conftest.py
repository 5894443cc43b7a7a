"""For every test."""

from __future__ import annotations

import signal

import pytest


def pytest_configure() -> None:
    """A run in the background of a shell starts with Ctrl-C ignored, and so would its child processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module run in one process, so that the fixture is made once."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        fixtures = item._fixtureinfo.name2fixturedefs.values()
        if any(one.scope == "module" and one.baseid for defs in fixtures for one in defs):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))

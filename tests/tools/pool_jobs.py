"""Jobs for the tests of the process pool; its workers import this module."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


def squared(job: int, report: Callable[[Any], None]) -> int:
    report(("began", job))
    return job * job


def failing(job: int, report: Callable[[Any], None]) -> int:
    return 1 // job


def dying(job: int, report: Callable[[Any], None]) -> int:
    os._exit(7)


def endless(job: int, report: Callable[[Any], None]) -> int:
    """Report the process id indefinitely."""
    while True:
        report(os.getpid())

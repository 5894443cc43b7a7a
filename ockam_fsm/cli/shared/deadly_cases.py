"""The cases that have killed a node in earlier runs: they run last, so that the other cases run at all.

Rule 1: the file is a hint, not a result: if it cannot be read or written, nothing is remembered.
Rule 2: a case that passes is forgotten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ockam_fsm.conformance.report.findings import Findings, Verdict
from ockam_fsm.kernel.files import read_whole, write_whole

MOST_TARGETS = 100


def remembered(target: str) -> tuple[str, ...]:
    """Return the cases that have killed this target."""
    found = _read().get(target, ())
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def remember(report: Findings, killed: Iterable[str]) -> None:
    """Add the cases that have killed the target in this run, and forget those that passed."""
    before = remembered(report.target)
    passed = {one.case for one in report.findings if one.verdict is Verdict.PASS}
    deadly = list(dict.fromkeys([*(one for one in before if one not in passed), *killed]))
    if deadly == list(before):
        return
    known = {name: cases for name, cases in _read().items() if name != report.target}
    known = dict([*known.items(), *([(report.target, deadly)] if deadly else [])][-MOST_TARGETS:])
    with suppress(OSError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_whole(_file(), json.dumps(known, indent=1))


def _file() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "ockam_fsm" / "deadly_cases.json"


def _read() -> dict[str, object]:
    try:
        found = json.loads(read_whole(_file()))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""Pinned results, without times, in `spec/manifest.json`. A commit that changes a pin gives the reason.

Theory: a manifest has sections. `check all --pin` writes `worlds` and `known_bad`, `spec --pin` writes `tlc`.

Rule 1: a command writes its own sections, and keeps the others unchanged.
Rule 2: the sections are in the order of SECTIONS, independent of who wrote first: the same results give the same bytes.
Rule 3: a file that is not a manifest is never overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ockam_fsm.cli.app import fail
from ockam_fsm.cli.shared.check_output import CheckedWorld, known_bad_verdict, rejecting_result, trace_length
from ockam_fsm.kernel.files import read_whole, write_whole

MANIFEST = Path("spec/manifest.json")
LABEL = (
    "GENERATED: worlds and known_bad by `ockam-fsm check all --pin spec/manifest.json`, tlc by `ockam-fsm spec --pin`"
)
SECTIONS = ("worlds", "known_bad", "tlc")


def pins(pairs: Sequence[CheckedWorld]) -> dict[str, list[dict[str, Any]]]:
    """Return the pinned part of the results of `check all`, by section."""
    return {
        "worlds": [_world(pair) for pair in pairs if not pair[0].rejected_by],
        "known_bad": [_known_bad(pair) for pair in pairs if pair[0].rejected_by],
    }


def _world(pair: CheckedWorld) -> dict[str, Any]:
    one, result = pair
    fields = ("bounds", "states", "transitions", "depth", "verdict")
    verdicts = {found["id"]: found["verdict"] for found in result["properties"]}
    return {"name": one.name} | {field: result[field] for field in fields} | {"properties": verdicts}


def _known_bad(pair: CheckedWorld) -> dict[str, Any]:
    one, result = pair
    found = rejecting_result(one, result)
    steps = trace_length(found)
    return {
        "name": one.name,
        "verdict": known_bad_verdict(one, result),
        "property": one.rejected_by,
        "trace_length": steps,
        "trace": list(found["labels"]) if steps is not None else [],
    }


def pinned(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the sections of a manifest; none if there is no such file."""
    try:
        found = json.loads(read_whole(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}.", "Name another file.")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(name == "label" or _is_section(name, found[name]) for name in found):
        fail(f"{path} is not a manifest.", "Name another file, or remove it.")
    return {name: found[name] for name in SECTIONS if name in found}


def _is_section(name: str, entries: Any) -> bool:
    named = isinstance(entries, list) and all(isinstance(entry, dict) and "name" in entry for entry in entries)
    return name in SECTIONS and named


def require_writable(path: Path) -> None:
    """Fail before a search, which may be long, if the manifest cannot be written."""
    pinned(path)
    if not path.parent.is_dir():
        fail(f"cannot write {path}: there is no folder {path.parent}.", "Name a file in an existing folder.")


def write(path: Path, found: Mapping[str, list[dict[str, Any]]]) -> None:
    """Write these sections to a manifest, and keep its other sections."""
    sections = pinned(path) | dict(found)
    whole = {"label": LABEL} | {name: sections[name] for name in SECTIONS if name in sections}
    try:
        write_whole(path, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Name a file in a writable folder.")

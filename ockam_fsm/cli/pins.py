"""Pinned results: what `check all` found, without times (`spec/manifest.json`). A commit that moves one says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ockam_fsm.cli.app import fail
from ockam_fsm.cli.verdicts import Pair, judged, known_bad_verdict, trace_length

LABEL = "GENERATED from the explored worlds; `ockam-fsm check all --pin spec/manifest.json` writes it again"


def pins(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The pinned part of the results."""
    return {
        "label": LABEL,
        "worlds": [_world(pair) for pair in pairs if not pair[0].rejected_by],
        "known_bad": [_known_bad(pair) for pair in pairs if pair[0].rejected_by],
    }


def _world(pair: Pair) -> dict[str, Any]:
    one, result = pair
    fields = ("bounds", "states", "transitions", "depth", "verdict")
    verdicts = {found["id"]: found["verdict"] for found in result["properties"]}
    return {"name": one.name} | {field: result[field] for field in fields} | {"properties": verdicts}


def _known_bad(pair: Pair) -> dict[str, Any]:
    one, result = pair
    found = judged(one, result)
    steps = trace_length(found)
    return {
        "name": one.name,
        "verdict": known_bad_verdict(one, result),
        "property": one.rejected_by,
        "trace_length": steps,
        "trace": list(found["labels"]) if steps is not None else [],
    }


def write(path: Path, pairs: Sequence[Pair]) -> None:
    """Pin the results in a file."""
    try:
        path.write_text(json.dumps(pins(pairs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Name another file with --pin.")

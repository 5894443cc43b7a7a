"""The test cases generated from the specification: spec/cases.json.

python -m tests.specification.cases      writes the file; about a minute
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, SEND
from ockam_fsm.specification.table_world import TableActor, table_world
from tests.specification.covering import Cases, Path
from tests.specification.spec_cases import cases
from tests.test_spec import ROOT

FILE = ROOT / "spec" / "cases.json"
LABEL = "GENERATED from ockam_fsm/machines/session.py by tests/specification/cases.py"


def lost_and_repeated(kind: SessionType) -> World:
    """Return the world that SPIN and TLC search too."""
    return table_world(lossy(config_of(kind)))


def ordered(kind: SessionType) -> World:
    """Return the world with every order at each end that accepts it, without duplicates."""
    explicit = kind.creation is Creation.EXPLICIT
    orders: dict[str, dict[Any, int | None]] = {
        INITIATOR: {OPEN: 1, SEND: 1} if explicit else {SEND: 2},
        RESPONDER: {SEND: 1},
    }
    for role, name in ((Role.INITIATOR, INITIATOR), (Role.RESPONDER, RESPONDER)):
        orders[name] |= {CLOSE: 1} | ({RENEGOTIATE: 1} if kind.renegotiated_by(role) else {})
    config = replace(config_of(kind), generations=2)
    in_flight = 1 if kind.renegotiation is Renegotiation.TWO_SIDED else 2  # else it would be five times as large
    actors = tuple(TableActor(config, role) for role in (Role.INITIATOR, Role.RESPONDER))
    return World(f"{kind.name}:ordered", actors, Network("unordered", in_flight, ("drop",)), orders)


def worlds(kind: SessionType) -> tuple[World, World]:
    return lost_and_repeated(kind), ordered(kind)


def written(found: Cases) -> dict[str, Any]:
    return {"transitions": len(found.transitions), "paths": ["/".join(map(str, path)) for path in found.paths]}


def committed(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))["worlds"][world.name]
    return found


def paths(world: World) -> Iterator[Path]:
    for path in committed(world)["paths"]:
        yield tuple(map(int, path.split("/")))


if __name__ == "__main__":
    entries = {world.name: written(cases(world)) for kind in TYPES for world in worlds(kind)}
    text = json.dumps({"generated": LABEL, "worlds": entries}, indent=1)
    FILE.write_text(text + "\n", encoding="utf-8", newline="\n")

"""Help for the tests of the explorer page: pictures that are drawn already, and walks through a graph."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ockam_fsm.checking import World, explore
from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.checking.shipped.worlds import shipped_known_bad
from ockam_fsm.explorer.page import Exhibit
from ockam_fsm.projections.gallery import Picture

ROOT = Path(__file__).parents[2]
Json = Any


def world_named(name: str) -> World:
    return next(world for world in all_worlds() if world.name == name)


def bad_world(name: str) -> World:
    return next(bad.world for bad in shipped_known_bad() if bad.name == name)


def pinned(name: str) -> dict[str, Any]:
    worlds = json.loads((ROOT / "spec/manifest.json").read_text())["worlds"]
    found: dict[str, Any] = next(world for world in worlds if world["name"] == name)
    return found


def committed(picture: Picture) -> str:
    """The picture as it is in `diagrams/`."""
    return (ROOT / f"{picture.stem}.svg").read_text()


@cache
def exhibit(name: str, most_states: int = 8000) -> Exhibit:
    world = world_named(name)
    found = explore(world, state_limit=most_states)
    return Exhibit(world, found, (f"ockam-fsm replay {name}", ""), most_states)


def content_of(page: str) -> Json:
    """The data inside a page."""
    (text,) = re.findall(r'<script type="application/octet-stream" id="content">([^<]*)</script>', page)
    return json.loads(zlib.decompress(b64decode(text)))


def steps(graph: Json, state: int) -> list[tuple[Json, int]]:
    """The moves out of a state, with the number of the state that each leads to."""
    flat = graph["steps"][state]
    return [(graph["moves"][move], successor) for move, successor in zip(flat[::2], flat[1::2], strict=True)]


def walked(graph: Json, path: Sequence[int]) -> list[int]:
    """The states along a path."""
    states = [0]
    for position in path:
        states.append(steps(graph, states[-1])[position][1])
    return states


def locals_of(graph: Json, state: int) -> list[Json]:
    return [actor["locals"][graph["states"][state][at]] for at, actor in enumerate(graph["actors"])]


def status_of(graph: Json, state: int) -> str:
    found: str = graph["states"][state][-1]
    return found

"""`spec/properties.md`: the properties, their worlds and bounds, and the known-bad machine that each one rejects.

All text about a property comes from the worlds and the known-bad machines.

Rule 1: each safety or recoverability property must reject a known-bad machine; otherwise the page is not generated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.properties import Kind, Property
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import TYPES

PATH = "spec/properties.md"
PAGE = "properties.py, worlds.py and known_bad.py in sessions, streams, pipes and layers of ockam_fsm/checking"
_NUMBER = re.compile(r"\d+")


def document(worlds: Sequence[World] | None = None, bad: Sequence[KnownBad] | None = None) -> str:
    """Return the text of the page.

    Raises:
        DefinitionError: some properties reject no known-bad machine.
    """
    worlds = shipped_worlds() if worlds is None else worlds
    bad = shipped_known_bad() if bad is None else bad
    by_id = {one.id: one for world in worlds for one in world.properties}
    rejects = {one.property: one for one in reversed(bad)}
    untested = [name for name, one in by_id.items() if not one.is_witness and name not in rejects]
    if untested:
        raise DefinitionError("properties", [f"{name} rejects no known-bad machine" for name in sorted(untested)])
    claims = [one for one in by_id.values() if not one.is_witness]
    safety = _sorted([one for one in claims if one.kind is not Kind.RECOVERABLE])
    recoverability = _sorted([one for one in claims if one.kind is Kind.RECOVERABLE])
    sections = [
        _INTRODUCTION,
        ["## Safety: in every reachable state and step", "", *_claims(safety, worlds, rejects)],
        [_RECOVERABILITY, "", *_claims(recoverability, worlds, rejects)],
        [_WITNESSES, "", *_table(("id", "state or step", "worlds"), _witnesses(worlds, by_id))],
        [*_KNOWN_BAD, *_table(("machine", "rejected by", "consequence", "not rejected by"), map(_known_bad, bad))],
        [*_WORLDS, *_table(("world", "network", "bounds"), map(_bounds, worlds))],
    ]
    return "\n".join(line for section in sections for line in (*section, ""))


_INTRODUCTION = (
    f"<!-- GENERATED from {PAGE}; edit those -->",
    "# Properties",
    "",
    "Meaning and reason of each property: [sessions.md](sessions.md) section 8. Verdicts and numbers of states:",
    "`ockam-fsm check all`, pinned in [manifest.json](manifest.json).",
)
_RECOVERABILITY = "## Recoverability: from every reachable state, by system steps and deliveries alone"
_WITNESSES = "## Witnesses: each reached at least once, so that no safety property holds vacuously"
_KNOWN_BAD = (
    "## Known-bad machines",
    "",
    "Each breaks one rule of the real machine. The explorer rejects it by the property named here. Unless a reason is",
    "given, TLC rejects it too; the simulator, the validation of its traces and the conformance kit reject each wrong",
    "session without a channel; and random walks of Hypothesis reject each wrong worker of a stream.",
    "",
)
_WORLDS = ("## Worlds and their bounds", "", "A bound without a number is unlimited. PROVED: within these bounds.", "")


def _known_bad(one: KnownBad) -> list[str]:
    missed = "; ".join(f"{checker.value}: {reason}" for checker, reason in one.missed.items())
    return [f"`{one.name}`", one.property, one.because, missed]


def _claims(claims: Sequence[Property], worlds: Sequence[World], rejects: dict[str, KnownBad]) -> Iterator[str]:
    rows = ([one.id, one.sentence, _types(one.id, worlds), f"`{rejects[one.id].name}`"] for one in claims)
    yield from _table(("id", "sentence", "applies to", "rejects"), rows)


def _witnesses(worlds: Sequence[World], by_id: dict[str, Property]) -> Iterator[list[str]]:
    for one in _sorted([one for one in by_id.values() if one.is_witness]):
        names = [world.name for world in worlds if one.id in _ids(world)]
        ways = list(dict.fromkeys(name.partition(":")[2] for name in names))
        yield [one.id, one.sentence, f"{', '.join(ways)} ({len(names)})"]


def _types(name: str, worlds: Sequence[World]) -> str:
    every = [kind.name for kind in TYPES]
    having = list(dict.fromkeys(_type(world) for world in worlds if name in _ids(world)))
    types, others = [one for one in having if one in every], [one for one in having if one not in every]
    if types in (every, [kind for kind in every if "persistent" in kind]):
        types = ["all" if types == every else "persistent"]
    return ", ".join((*types, *others))


def _type(world: World) -> str:
    return world.name.partition(":")[0]


def _ids(world: World) -> list[str]:
    return [one.id for one in world.properties]


def _sorted(found: Sequence[Property]) -> list[Property]:
    """Sort by letter, then by number: S2 before S11, S15a to S15d. The W2 of all reasons stay together."""

    def key(one: Property) -> tuple[str, int, str]:
        number = _NUMBER.search(one.id)
        assert number is not None
        return one.id[0], int(number[0]), one.id[number.end() :].partition(":")[0]

    return sorted(found, key=key)


def _bounds(world: World) -> list[str]:
    bounds = [name if limit == "unlimited" else f"{name} {limit}" for name, limit in world.bounds.items()]
    return [f"`{world.name}`", world.network.order, ", ".join(bounds)]


def _table(heads: Sequence[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)

"""`spec/properties.md`."""

from __future__ import annotations

import pytest

from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.sessions.properties_page import LATER, document
from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.kernel.errors import DefinitionError


def test_every_property_machine_and_world_is_on_the_page() -> None:
    page = document()
    assert page.startswith("<!-- GENERATED from ")
    for world in all_worlds():
        assert f"| `{world.name}` |" in page
        assert all(f"| {one.id} | {one.sentence} |" in page for one in world.properties)
    assert all(f"| `{one.name}` | {one.property} |" in page for one in known_bad())
    assert all(f"| {name} | " in page for name in LATER)


def test_a_property_without_a_machine_of_its_own_stops_the_page() -> None:
    rest = [one for one in known_bad() if one.property not in ("S3", "R5")]
    with pytest.raises(DefinitionError) as caught:
        document(bad=rest)
    assert caught.value.problems == ("R5 rejects no known-bad machine", "S3 rejects no known-bad machine")


def test_a_missing_witness_needs_none() -> None:
    assert document(bad=[one for one in known_bad() if one.property != "W9"])

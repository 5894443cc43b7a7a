"""`spec/properties.md`."""

from __future__ import annotations

import pytest

from ockam_fsm.checking.shipped.properties_page import document
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.kernel.errors import DefinitionError


def test_every_property_machine_and_world_is_on_the_page() -> None:
    page = document()
    assert page.startswith("<!-- GENERATED from ")
    for world in shipped_worlds():
        assert f"| `{world.name}` |" in page
        assert all(f"| {one.id} | {one.sentence} |" in page for one in world.properties)
    assert all(f"| `{one.name}` | {one.property} |" in page for one in shipped_known_bad())


def test_a_property_without_a_known_bad_machine_is_an_error() -> None:
    rest = [one for one in shipped_known_bad() if one.property not in ("S3", "R5")]
    with pytest.raises(DefinitionError) as caught:
        document(bad=rest)
    assert caught.value.problems == ("R5 rejects no known-bad machine", "S3 rejects no known-bad machine")


def test_a_witness_needs_no_known_bad_machine() -> None:
    assert document(bad=[one for one in shipped_known_bad() if one.property != "W9"])

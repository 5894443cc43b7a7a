"""Values: compared by their fields, without other attributes, and immutable for the type checker."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.value import value


@value
class Point:
    x: int
    y: int = 0


def test_values_are_compared_and_hashed_by_their_fields() -> None:
    assert Point(1) == Point(1, 0) != Point(1, 2)
    assert len({Point(1), Point(1, 0), Point(1, 2)}) == 2


def test_a_value_has_no_attributes_besides_its_fields() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]


def test_mypy_refuses_to_change_a_value() -> None:
    # mypy reports an unused `ignore`: if it allowed this, `make test` would fail.
    Point(1).x = 2  # type: ignore[misc]

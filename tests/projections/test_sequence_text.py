"""A chart in characters."""

from __future__ import annotations

import traceback

import pytest

from ockam_fsm.projections.sequence import Chart, Moment, MomentKind
from ockam_fsm.projections.sequence_text import attach, to_text

MOMENTS = (
    Moment(MomentKind.STATE, "a", "IDLE"),
    Moment(MomentKind.ORDER, "a", "open"),
    Moment(MomentKind.MESSAGE, "a", "hello", "b"),
    Moment(MomentKind.STATE, "b", "READY"),
    Moment(MomentKind.MESSAGE, "b", "answer", "a", refused=True),
    Moment(MomentKind.LOST, "a", "data", "b"),
    Moment(MomentKind.LOST, "b", "data", "a"),
    Moment(MomentKind.DUPLICATE, "b", "again", "a"),
    Moment(MomentKind.TIMER, "b", "idle"),
    Moment(MomentKind.NOTE, "", "the end"),
)


def lines(chart: Chart) -> list[str]:
    return to_text(chart).splitlines()


def test_a_chart_is_drawn_line_by_line() -> None:
    drawn = lines(Chart("x", "X", "x", ("a", "b"), MOMENTS))
    assert len(drawn) == 1 + len(MOMENTS)
    left, right = drawn[1].index("│"), drawn[1].rindex("│")
    for line, moment in zip(drawn[1:], MOMENTS, strict=True):
        assert line[left] == "│"
        if moment.who:
            assert line[right] == "│"
            assert moment.label in line
    assert drawn[2].startswith("order: open │")
    assert drawn[3][right - 1] == "▶"
    assert drawn[5][left + 1] == "◀"
    assert "(no effect)" in drawn[5]
    assert drawn[6][right - 3] == "×"
    assert drawn[7][left + 3] == "×"
    assert "a copy stays" in drawn[8]
    assert drawn[9].endswith("│ timer: idle")


def test_three_participants_have_three_lifelines() -> None:
    drawn = lines(Chart("x", "X", "x", ("a", "b", "c"), (Moment(MomentKind.MESSAGE, "a", "far", "c"),)))
    assert drawn[1].count("│") == 2
    assert drawn[1].index(" far ") > drawn[0].index("a")


def test_a_participant_alone_has_its_remarks_to_the_right() -> None:
    drawn = lines(Chart("x", "X", "x", ("only",), (Moment(MomentKind.STATE, "only", "READY"),)))
    assert drawn[1].strip() == "│ [READY]"


@pytest.mark.parametrize("label", ["a" * 70, "short"])
def test_columns_are_wide_enough_for_every_label(label: str) -> None:
    drawn = lines(Chart("x", "X", "x", ("a", "b"), (Moment(MomentKind.MESSAGE, "a", label, "b"),)))
    assert f" {label} " in drawn[1]


def test_an_error_with_a_chart_shows_it_wherever_it_is_printed() -> None:
    chart, error = Chart("x", "X", "x", ("a", "b"), MOMENTS), AssertionError("two are not three")
    attach(chart, error)
    printed = "".join(traceback.format_exception_only(error))
    assert printed == f"AssertionError: two are not three\nWhat happened before:\n\n{to_text(chart)}\n"

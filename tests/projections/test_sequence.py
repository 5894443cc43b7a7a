"""Sequence charts: every moment is on them, inside the drawing, and late messages slant."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from ockam_fsm.projections.sequence import Chart, Moment, MomentKind, to_mermaid
from ockam_fsm.projections.sequence_svg import text_width, to_svg
from tests.projections.samples import PAGE

K = MomentKind
SVG = "{http://www.w3.org/2000/svg}"

MOMENTS = (
    Moment(K.STATE, "initiator", "IDLE"),
    Moment(K.ORDER, "initiator", "OPEN"),
    Moment(K.STATE, "initiator", "NEGOTIATING"),
    Moment(K.MESSAGE, "initiator", "HELLO 1i", "responder", left_at=1),
    Moment(K.LOST, "responder", "ANSWER 1i", "initiator", left_at=3),
    Moment(K.TIMER, "initiator", "NEGOTIATION_EXPIRED"),
    Moment(K.MESSAGE, "initiator", "HELLO 2i", "responder", left_at=5),
    Moment(K.DUPLICATE, "responder", "ANSWER 1i; <late> & #1", "initiator", left_at=3, refused=True),
    Moment(K.NOTE, "initiator", "dead letter: a very long remark that needs much room beside the first column"),
    Moment(K.NOTE, "responder", "a remark"),
    Moment(K.NOTE, "", "a remark across the whole chart"),
    Moment(K.STATE, "initiator", "CLOSED"),
)
CHART = Chart("stale answer", "A stale <answer>", "It is ignored & recorded.", ("initiator", "responder"), MOMENTS)


def texts(chart: Chart) -> list[tuple[float, float, str, str]]:
    root = ElementTree.fromstring(to_svg(chart, PAGE))
    return [
        (float(t.get("x", "0")), float(t.get("y", "0")), t.get("text-anchor", "start"), "".join(t.itertext()))
        for t in root.iter(f"{SVG}text")
    ]


def test_every_moment_is_drawn_in_order_from_top_to_bottom() -> None:
    drawn = {label: y for _, y, _, label in texts(CHART)}
    heights = [drawn[moment.label] for moment in MOMENTS if moment.kind is not K.DUPLICATE]
    assert heights == sorted(heights)
    assert MOMENTS[7].label in drawn


def test_nothing_is_cut_off() -> None:
    root = ElementTree.fromstring(to_svg(CHART, PAGE))
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for x, y, anchor, label in texts(CHART):
        left = x - text_width(label) * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        assert left >= 0, label
        assert left + text_width(label) <= width, label
        assert 0 < y < height


def test_only_a_message_that_was_overtaken_slants() -> None:
    line = r'<line x1="[^"]*" y1="([^"]*)" x2="[^"]*" y2="([^"]*)" stroke="#[0-9A-F]+" stroke-width="1.6"'
    lines = re.findall(line, to_svg(CHART, PAGE))
    slanted = [float(first) != float(second) for first, second in lines]
    assert slanted == [False, False, False, True]


def test_the_same_chart_gives_the_same_bytes() -> None:
    assert to_svg(CHART, PAGE) == to_svg(Chart(**vars(CHART)), PAGE)
    assert to_svg(CHART, PAGE).startswith(f"<!-- GENERATED from {PAGE}; edit the table -->\n<svg ")


def test_mermaid_has_one_statement_per_moment() -> None:
    label, kind, title, *lines = to_mermaid(CHART, PAGE).splitlines()
    assert label == f"%% GENERATED from {PAGE}; edit the table"
    assert (kind, title.strip()) == ("sequenceDiagram", "title A stale #lt;answer#gt;")
    assert lines[0].strip() == "participant p0 as initiator"
    statement = r"(p\d(->>|-x|-->>)p\d|Note over p\d(,p\d)?): (?:[^;#<>\n]|#\w+;)+"
    assert all(re.fullmatch(statement, line.strip()) for line in lines[2:])
    assert len(lines) == 2 + len(MOMENTS)
    assert lines[2 + 7].strip() == "p1-->>p0: ANSWER 1i#59; #lt;late#gt; & #35;1 (late)"


def test_one_participant_alone_has_a_chart() -> None:
    moments = (Moment(K.TIMER, "initiator", "IDLE_EXPIRED"), Moment(K.NOTE, "", "the end"))
    alone = Chart("alone", "Alone", "Nobody is there.", ("initiator",), moments)
    assert "IDLE_EXPIRED" in to_svg(alone, PAGE)
    assert "Note over p0: the end" in to_mermaid(alone, PAGE)


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        (Moment(K.MESSAGE, "initiator", "HELLO", "nobody"), "nobody is none of initiator, responder"),
        (Moment(K.MESSAGE, "initiator", "HELLO", "responder", left_at=1), "left at 1, which is not before it"),
    ],
)
def test_an_impossible_moment_is_refused(moment: Moment, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Chart("wrong", "Wrong", "", ("initiator", "responder"), (moment,))

"""Pictures: every row is on them, with any name, and Graphviz can read and draw them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.machines.vocabulary import MESSAGES, Effect, Event
from ockam_fsm.projections import dot, svg
from ockam_fsm.projections.gallery import Pair
from ockam_fsm.projections.overview import LESS, MORE, difference, overview_to_dot
from ockam_fsm.projections.pair import pair_to_dot
from ockam_fsm.projections.styling import EventKind
from ockam_fsm.specification.machine_index import catalogue
from ockam_fsm.tools.graphviz import render_with_wasm
from tests.projections.samples import EVERY, NAMES, ODD, PAGE

AnyMachine = Machine[Any, Any, Any]


def drawn_lines(source: str) -> list[str]:
    """Return the lines of text on the drawing, as a reader sees them."""
    root = ElementTree.fromstring(render_with_wasm(source))
    texts = root.iter("{http://www.w3.org/2000/svg}text")
    return [re.sub(r"\s+", " ", "".join(text.itertext())).strip() for text in texts]


def line_of(row: Any) -> str:
    return re.sub(r"\s+", " ", dot.row_lines([row])[0]).strip()


@pytest.mark.slow
@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_row_is_drawn_once_and_every_state_named(machine: AnyMachine) -> None:
    lines = drawn_lines(dot.to_dot(machine, PAGE, "a summary"))
    for row in machine.rows:
        assert lines.count(line_of(row)) == 1, row.id
    for state in machine.states:
        assert state.name in lines
    assert machine.name in lines
    assert "a summary" in lines


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_there_is_one_card_for_each_pair_of_states(machine: AnyMachine) -> None:
    source = dot.to_dot(machine, PAGE)
    between = {(row.source, row.target) for row in machine.rows if row.source is not row.target}
    cards = re.findall(r'^\t"(?P<tail>[^"]+) to (?P<head>[^"]+)" \[', source, re.MULTILINE)
    expected = {(dot.identifier(a.name), dot.identifier(b.name)) for a, b in between}
    assert sorted(cards) == sorted(expected)
    assert source.startswith(f"// GENERATED from {PAGE}; edit the table\n")
    assert source == dot.to_dot(machine, PAGE)


def test_an_arrow_that_goes_up_is_laid_out_as_if_it_went_down() -> None:
    source = dot.to_dot(ODD, PAGE)
    up = 'b_3a_c _5c_N" -> "state to b_3a_c _5c_N" \\[([^]]*)\\]'
    (first,), (second,) = re.findall(up, source), re.findall(r'"state to b_3a_c _5c_N" -> state \[([^]]*)\]', source)
    assert "dir=back" in first
    assert "arrowhead=none" in second
    assert '"b_3a_c _5c_N to state" -> state' in source


def test_the_arrow_of_several_kinds_has_a_strand_of_each() -> None:
    kinds = [EventKind.TIMER, EventKind.FAILURE]
    assert dot.strands(iter(kinds)) == {"color": f"{kinds[0].value.ink}:{kinds[1].value.ink}", "style": "solid"}
    assert dot.strands([EventKind.TIMER]) == {"color": kinds[0].value.ink, "style": "dashed"}


def test_effects_are_shown_on_hovering() -> None:
    assert 'A\\"1: SEND_IT' in dot.to_dot(ODD, PAGE)


def test_a_pair_shows_senders_and_receivers() -> None:
    pair = catalogue().pairs[0]
    source = pair_to_dot(pair.left.machine, pair.right.machine, MESSAGES, PAGE, "a pair", "a summary")
    assert "HELLO →" in source
    assert "← ANSWER" in source
    hello = '"SEND_HELLO of the initiator"'
    sent = re.findall(rf'"initiator IDLE":r0:e -> {hello}', source)
    heard = re.findall(rf'{hello} -> "responder IDLE":r0:w', source)
    assert (len(sent), len(heard)) == (1, 1)
    answers = re.findall(r'"initiator NEGOTIATING":r\d+:e -> "SEND_ANSWER of the responder" \[([^]]*)\]', source)
    assert len(answers) == 1
    assert "dir=back" in answers[0]


@pytest.mark.parametrize("pair", catalogue().pairs, ids=lambda pair: pair.name)
def test_every_line_of_a_pair_ends_at_an_existing_row(pair: Pair) -> None:
    source = pair_to_dot(pair.left.machine, pair.right.machine, MESSAGES, PAGE, pair.name, pair.summary)
    boxes = dict(re.findall(r'^\t\t"?([\w ]+)"? \[label="([^"]+)"', source, re.MULTILINE))
    ends = re.findall(r'"([\w ]+)":(r\d+):([ew])', source)
    assert len(ends) > 10
    assert all(f"<{port}> " in boxes[name] for name, port, _ in ends)
    assert {(name.startswith("initiator"), side) for name, _, side in ends} == {(True, "e"), (False, "w")}
    shown = {(name, port) for name, label in boxes.items() for port in re.findall(r"<(r\d+)> ", label)}
    assert {(name, port) for name, port, _ in ends} == shown


def test_the_messages_of_a_pair_come_from_the_mapping_only() -> None:
    pair = catalogue().pairs[0]
    left, right = pair.left.machine, pair.right.machine
    assert '→"' not in pair_to_dot(left, right, {}, PAGE, "a pair", "")
    only = pair_to_dot(left, right, {Effect.SEND_HELLO: (Event.HELLO_NEWER,)}, PAGE, "a pair", "")
    assert "HELLO →" in only
    assert "ANSWER" not in only


@pytest.mark.slow
def test_every_line_of_a_pair_is_drawn() -> None:
    for pair in catalogue().pairs:
        source = pair_to_dot(pair.left.machine, pair.right.machine, MESSAGES, PAGE, pair.name, pair.summary)
        edges = len(re.findall(r" -> ", source)) - len(re.findall(r"style=invis", source))
        assert render_with_wasm(source).count('class="edge"') == edges


def test_the_overview_shows_the_differences_of_neighbours() -> None:
    family = catalogue().family
    assert (MORE, "implicit creation: the first message that is forwarded creates the session") in set(
        difference(family[0], family[1])
    )
    assert not list(difference(family[0], family[0]))
    forth, back = set(difference(family[0], family[2])), set(difference(family[2], family[0]))
    assert {title for sign, title in forth if sign == MORE} == {title for sign, title in back if sign == LESS}


@pytest.mark.slow
def test_every_line_of_the_overview_is_drawn() -> None:
    source = overview_to_dot(catalogue().family, PAGE, "the family", "a summary")
    # Seven neighbours: three across, four down; two lines each. Graphviz leaves some out if a box is a record.
    assert render_with_wasm(source).count('class="edge"') == source.count(" -> ") == 14


@pytest.mark.slow
def test_finishing_colours_the_lines_and_keeps_every_word() -> None:
    source = dot.to_dot(ODD, PAGE, "a summary")
    raw = render_with_wasm(source)
    done = svg.finish(raw, source, PAGE, dot.inks(ODD), dot.headings(ODD))
    root = ElementTree.fromstring(done)
    texts = ["".join(t.itertext()).replace("\xa0", " ") for t in root.iter("{http://www.w3.org/2000/svg}text")]
    before = [unescape(t).replace("\xa0", " ") for t in re.findall(r"<text [^>]*>([^<]*)</text>", raw)]
    assert texts == before
    bold = {t.text for t in root.iter("{http://www.w3.org/2000/svg}tspan")}
    assert bold == {row.id for row in ODD.rows}
    first = done.splitlines()[0]
    assert first == f"<!-- GENERATED from {PAGE}; edit the table; drawn from DOT {svg.digest(source)} -->"
    assert svg.digest_in(done) == svg.digest(source)
    assert "generated by graphviz" not in done.lower()


def test_an_indented_line_goes_on_with_the_colour_of_the_line_before() -> None:
    raw = '<svg><text x="1">+ one</text>\n<text x="2">&#160; two</text>\n<text x="3">three</text></svg>'
    lines = svg.finish(raw, "", PAGE, {"+": "#123456"}).splitlines()
    assert ['fill="#123456"' in line for line in lines] == [False, True, True, False]


def test_a_picture_that_was_not_finished_has_no_digest() -> None:
    assert svg.digest_in("<svg/>\n") == ""

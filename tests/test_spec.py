"""spec/sessions.md and the code agree on names: clauses, passages, terms, rows, properties, defaults, bytes.

No test can check the meaning of the prose. These tests check that all cited and named items exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

from ockam_fsm.checking.sessions import properties as session_properties
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.kernel.machine import Counter, Row
from ockam_fsm.machines import MACHINES, parts, pipe_ordering, publisher, session, spawner, vocabulary
from ockam_fsm.machines.vocabulary import Effect, Event, State
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node import pipe_ends, services, stream_end
from ockam_fsm.runtime.pipe import receiver as pipe_receiver
from ockam_fsm.runtime.pipe import sender as pipe_sender
from ockam_fsm.runtime.session import commands, config, handshake, host, link, request, signals, terms
from ockam_fsm.runtime.session import session as core
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import BackOff, Durations
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Place
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.runtime.stream import consumer as stream_consumer
from ockam_fsm.runtime.stream import index as stream_index
from ockam_fsm.runtime.stream import publisher as stream_publisher
from ockam_fsm.runtime.stream import worker as stream_worker

ROOT = Path(__file__).parent.parent
SESSIONS = ROOT / "spec" / "sessions.md"
WORDS: tuple[ModuleType, ...] = (
    vocabulary, session, spawner, parts, core, terms, handshake, host, link, request, config, signals, commands,
    publisher, stream_publisher, stream_worker, stream_index, stream_consumer, stream_end, pipe_ordering, pipe_sender,
    pipe_receiver, pipe_ends,
)  # fmt: skip

CLAUSE = r"\d{1,2}\.\d{1,2}"


@dataclass(frozen=True)
class Spec:
    """The parsed specification. `text` is a parameter, so that tests can pass a broken one."""

    text: str

    @cached_property
    def clauses(self) -> dict[str, str]:
        """Return the body of each clause by its number, in the order of the text."""
        found = re.findall(rf"^### ({CLAUSE}) [^\n]+\n(.*?)(?=^##|\Z)", self.text, re.M | re.S)
        assert len({number for number, _ in found}) == len(found), "a clause number is used twice"
        return dict(found)

    @cached_property
    def sections(self) -> list[str]:
        return re.findall(r"^## (\d+) ", self.text, re.M)

    @cached_property
    def informative(self) -> set[str]:
        return {number for number, body in self.clauses.items() if body.lstrip().startswith("*Informative.*")}

    @cached_property
    def not_cited(self) -> set[str]:
        return {number for row in self.table("what carries it out") for number in re.findall(CLAUSE, row[0])}

    def table(self, heading: str) -> list[list[str]]:
        """Return the cells of the table that has a column `heading`."""
        lines = self.text.splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("|") and f"| {heading} |" in line)
        return list(_cells(lines[start + 2 :]))


def _cells(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def spec() -> Spec:
    return Spec(SESSIONS.read_text())


ROWS: tuple[Row, ...] = tuple(row for machine in MACHINES for row in machine.rows)  # type: ignore[type-arg]


def citations(row: Row) -> Iterator[str]:  # type: ignore[type-arg]
    for group in row.cites.split("; "):
        yield from [group] if group.startswith("discussion: ") else group.split(", ")


def unanswered(spec: Spec) -> list[str]:
    """Return the citations of rows that the specification does not have."""
    passages = {f"discussion: {cells[0]}" for cells in spec.table("section of the discussion")}
    known = {*spec.clauses, *passages}
    return sorted({f"{row.id}: {cite}" for row in ROWS for cite in citations(row) if cite not in known})


def test_every_row_cites_a_clause_or_a_passage_that_exists(spec: Spec) -> None:
    assert unanswered(spec) == []
    assert all(row.cites for row in ROWS)


@pytest.mark.parametrize("gone", ["### 3.4 ", "| error messages |", "### 10.2 "])
def test_a_missing_clause_or_passage_is_detected(spec: Spec, gone: str) -> None:
    assert unanswered(Spec(spec.text.replace(gone, "", 1)))


def test_every_listed_passage_is_cited(spec: Spec) -> None:
    cited = {cite for row in ROWS for cite in citations(row) if cite.startswith("discussion: ")}
    assert {f"discussion: {cells[0]}" for cells in spec.table("section of the discussion")} == cited


def test_a_clause_is_cited_by_a_row_or_informative_or_listed(spec: Spec) -> None:
    cited = {cite for row in ROWS for cite in citations(row)} & set(spec.clauses)
    kinds = {"cited": cited, "informative": spec.informative, "listed": spec.not_cited}
    of = {number: [kind for kind, members in kinds.items() if number in members] for number in spec.clauses}
    assert {number: kind for number, kind in of.items() if len(kind) != 1} == {}
    assert spec.not_cited <= set(spec.clauses)


def test_clauses_are_numbered_in_order(spec: Spec) -> None:
    numbers = [tuple(map(int, number.split("."))) for number in spec.clauses]
    assert numbers == sorted(numbers)
    assert spec.sections == [str(n) for n in range(1, len(spec.sections) + 1)]
    assert {str(major) for major, _ in numbers} <= set(spec.sections)


def _cited_in_code() -> Iterator[tuple[str, str]]:
    listed = r"(\d+(?:\.\d+)?(?:(?:, | and | to |, and )\d+(?:\.\d+)?)*)"
    for path in sorted((ROOT / "ockam_fsm").rglob("*.py")):
        text = re.sub(r"RFC \d+,? section [\d.]+", "", path.read_text())
        for match in re.finditer(rf"\b(?:clause|section)s? {listed}", text):
            yield from ((path.name, number) for number in re.findall(r"\d+(?:\.\d+)?", match[1]))


def test_every_clause_that_a_docstring_mentions_exists(spec: Spec) -> None:
    known = {*spec.clauses, *spec.sections}
    mentioned = list(_cited_in_code())
    assert len(mentioned) > 20
    assert [(file, number) for file, number in mentioned if number not in known] == []


def test_clauses_mention_clauses_and_rows_that_exist(spec: Spec) -> None:
    own = re.sub(r"\(RFC \d+\)|\d+(?:\.\d+)? (?:GiB|s\b)|RFC \d+[^|]*", "", spec.text)
    for group in re.findall(
        rf"[(]([^()]*?\b{CLAUSE}[^()]*?)[)]|[Cc]lauses? ({CLAUSE}(?:(?:, | and | to ){CLAUSE})*)", own
    ):
        for number in re.findall(CLAUSE, " ".join(group)):
            assert number in spec.clauses, group
    rows = {row.id for row in ROWS}
    tokens = set(re.findall(r"\b(?:[A-Z]{1,3}\d)\b", spec.text))
    properties = {cells[0] for heading in ("property", "what happens at least once", "what remains possible")
                  for cells in spec.table(heading)}  # fmt: skip
    assert {token for token in tokens if token not in rows | properties} == set()


def test_the_names_in_the_glossary_exist(spec: Spec) -> None:
    glossary = spec.table("in the code")
    for word, _, place in glossary:
        for name in names(place):
            assert _resolves(name), f"{word}: {name}"
    assert len({word for word, _, _ in glossary}) == len(glossary)


def _resolves(name: str) -> bool:
    first, _, rest = name.partition(".")
    holders: list[object] = [getattr(module, first) for module in WORDS if hasattr(module, first)]
    holders += [services] if first == "services" else []
    return any(not rest or hasattr(holder, rest) for holder in holders)


def test_the_glossary_has_every_counter_and_dimension(spec: Spec) -> None:
    placed = {name for cells in spec.table("in the code") for name in names(cells[2])}
    counters = {name for name, value in vars(vocabulary).items() if isinstance(value, Counter)}
    kinds = (vocabulary.Role, vocabulary.Creation, vocabulary.Renegotiation)
    members = {f"{kind.__name__}.{one.name}" for kind in kinds for one in kind}
    assert counters | members <= placed


def test_states_events_and_effects_are_all_listed(spec: Spec) -> None:
    states = {names(cells[0])[0]: cells[1] for cells in _cells(_lines(spec.clauses["3.1"]))}
    assert states == {state.name: state.value for state in State}
    _, appendices = spec.text.split("## Appendix A: events")
    events, rest = appendices.split("## Appendix B: effects")
    assert [names(cells[0])[0] for cells in Spec(events).table("when")] == [event.name for event in Event]
    found = [name for cells in Spec(rest).table("effect") for cell in cells for name in names(cell)]
    assert sorted(found) == sorted(effect.name for effect in Effect)


def _lines(body: str) -> list[str]:
    lines = body.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    return lines[start + 2 :]


def test_the_listed_properties_are_those_that_the_worlds_check(spec: Spec) -> None:
    listed = {cells[0] for heading in ("property", "what happens at least once", "what remains possible")
              for cells in spec.table(heading)}  # fmt: skip
    checked = {one.id.partition(":")[0] for world in shipped_worlds() for one in world.properties}
    assert checked == listed
    assert "S10 and S14 (node_world.py)" in (session_properties.__doc__ or "")


def test_the_listed_known_bad_machines_are_those_that_are_checked(spec: Spec) -> None:
    listed = {names(cells[0])[0]: cells[1] for cells in spec.table("machine")}
    assert listed == {one.name: one.property for one in shipped_known_bad()}


def test_durations_are_the_defaults(spec: Spec) -> None:
    durations, back_off = Durations(), BackOff()
    table = {cells[0]: cells[2] for cells in spec.table("default")}
    assert set(table) == {timer.value for timer in Timer}
    for timer in Timer:
        if timer is not Timer.BACK_OFF:
            seconds = getattr(durations, f"{timer.name.lower()}_seconds")
            assert table[timer.value] == f"{seconds:g} s"
    jitter = f"{back_off.jitter * 100:g} % jitter"
    expected = f"{back_off.initial_seconds:g} s, x {back_off.factor:g}, at most {back_off.max_seconds:g} s, {jitter}"
    assert table["back-off"] == expected
    assert f"{durations.request_seconds:g} s by default" in spec.clauses["3.1"]


def test_byte_examples_are_the_output_of_the_profiles(spec: Spec) -> None:
    generation = Generation(1, vocabulary.Role.INITIATOR, local("a1"))
    written: list[Signal] = [
        Hello(bytes(16), generation), Answer(bytes(16), generation, local("b1"), False),
        Superseded(bytes(16), 2, local("a1")), Keepalive(), KeepaliveAnswer(), Data(b"hi"),
        Data(b"hi", (), (local("a1.1"),)), GoingAway("stopped"), Error("unknown address"),
        Close(bytes(16), 2, local("a1"), "done"),
    ]  # fmt: skip
    printed = [name for cells in Spec(spec.clauses["14.3"]).table("bytes") for name in names(cells[1])]
    assert [bytes.fromhex(text) for text in printed if text != "hi"] == [GENERATION.encode(one) for one in written]
    assert [GENERATION.decode(bytes.fromhex(text), Place.WORKER, ()) for text in printed] == written
    hello = Hello(b"", Generation(1, vocabulary.Role.INITIATOR, local("client_inner")))
    assert f"`{OCKAM.encode(hello).hex()}`" in spec.clauses["14.2"]


@pytest.mark.parametrize("name", ["sessions.md", "README.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / "spec" / name).read_text()
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if not path:
            assert anchor in anchors
        else:
            assert (ROOT / "spec" / path).exists(), target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

"""The explorer page as a file: small, self-contained, with every clause and row, and without semantics of its own."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape

import pytest

from ockam_fsm.checking import explore
from ockam_fsm.explorer import page as pages
from ockam_fsm.explorer.graph import Json, graph
from ockam_fsm.explorer.page import Exhibit, marked, page
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.vocabulary import Effect, Event, Role, State
from ockam_fsm.projections.gallery import Subject, machine_picture
from tests.cli.own_worlds import counting_to
from tests.explorer.pages import committed, content_of, exhibit, pinned

SMALL = "explicit-transient:closed"
MOST_BYTES = 1_000_000
SLOW_TYPES = [kind.name for kind in TYPES if kind.persistent]
TABLES = [table(kind, role) for kind in TYPES for role in Role]


def of_type(name: str) -> str:
    return page(exhibit(f"{name}:closed"), committed)


@pytest.fixture(scope="module")
def small() -> str:
    return page(exhibit(SMALL), committed)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(kind.name, marks=pytest.mark.thorough if kind.name in SLOW_TYPES else pytest.mark.slow)
        for kind in TYPES
    ],
)
def test_the_file_of_a_type_is_small(name: str) -> None:
    text = of_type(name)
    assert len(text.encode()) < MOST_BYTES
    found = content_of(text)["graph"]
    states = pinned(f"{name}:closed")["states"]
    assert found["complete"] is (states <= 8000)
    assert len(found["states"]) == min(states, 8000)


def test_the_page_has_the_graph_and_the_verdicts(small: str) -> None:
    content, shown = content_of(small), exhibit(SMALL)
    assert content["graph"] == graph(shown.world, (), shown.most_states)
    assert content["search"] == {"verdict": "PROVED", "states": 146, "stopped": ""}
    assert {one["id"]: one["verdict"] for one in content["properties"]}["W1"] == "HOLDS"
    assert content["served"] is False
    assert content["path"] == ""


def test_a_refuted_world_opens_at_its_counterexample() -> None:
    world = counting_to(2)
    shown = Exhibit(world, explore(world), ("ockam-fsm replay --from x:y", ""), 100, "S1", "it counts too far")
    content = content_of(page(shown, committed))
    assert content["path"] == explore(world)["S1"].to_json()["path"] != ""
    assert content["tables"] == {}
    assert (content["rejected_by"], content["because"]) == ("S1", "it counts too far")


def test_nothing_is_loaded_from_elsewhere(small: str) -> None:
    outside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", small)
    assert not re.search(r"https?://|\bsrc=|@import|url\(", outside)
    assert "connect-src 'none'" in small
    assert "connect-src 'self'" in page(exhibit(SMALL), committed, served=True)


def test_the_policy_allows_this_script_and_this_style_only(small: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', small)
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", small, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert "unsafe" not in policy


def test_text_of_a_world_is_not_markup() -> None:
    world = counting_to(3)
    object.__setattr__(world, "name", "<script>alert(1)</script>")
    text = page(Exhibit(world, explore(world), ("", ""), 10), committed)
    assert "<script>alert" not in text
    assert content_of(text)["world"]["name"] == "<script>alert(1)</script>"


def test_the_script_knows_no_state_event_or_effect() -> None:
    """It walks the graph: the semantics are written once, in Python."""
    script = (pages.ASSETS / "page.js").read_text()
    names = [member.name for kind in (State, Event, Effect) for member in kind]
    assert len(names) > 50
    assert [name for name in names if re.search(rf"\b{name}\b", script)] == []


@pytest.mark.parametrize("machine", TABLES, ids=lambda machine: str(machine.name))
def test_a_picture_names_every_state_and_every_row(machine: Json) -> None:
    drawn = committed(machine_picture(Subject(machine, "", "")))
    svg = marked(drawn)
    assert {state.name for state in machine.states} <= {*re.findall(r'data-node="([^"]*)"', svg)}
    assert {row.id for row in machine.rows} <= {*re.findall(r'data-row="([^"]*)"', svg)}
    assert len(re.findall(r"data-edge=", svg)) == len(re.findall(r'class="edge"', drawn))
    assert not re.search(r"\sid=|<title>|<!--", svg)
    assert {unescape(edge).count("->") for edge in re.findall(r'data-edge="([^"]*)"', svg)} == {1}


def test_every_clause_that_a_row_cites_has_its_text(small: str) -> None:
    content = content_of(small)
    cited = {
        part.strip()
        for one in content["tables"].values()
        for decision in one["decisions"]
        if decision["kind"] == "row"
        for part in re.split("[;,]", decision["cites"])
    }
    numbers = {part for part in cited if part[:1].isdigit()}
    assert numbers == set(content["clauses"])
    assert all(clause["title"] and clause["text"].startswith("<") for clause in content["clauses"].values())

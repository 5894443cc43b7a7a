"""The explorer page as one HTML file: the graph, the tables, the pictures and the clauses, compressed inside it.

Rule 1: the file needs no server and no network. Its policy allows only the one script and the one style sheet that are
        in it, named by their digests, and no connections; a served page may connect to its own server.
Rule 2: the script has no semantics of sessions: it walks the graph (`graph.py`) and shows texts made here.
Rule 3: clauses and pictures are markup of this package; every other text is set as text, never as markup.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias

from ockam_fsm.checking.result import Result, Verdict
from ockam_fsm.checking.world import World
from ockam_fsm.conformance.reference.instrumentation import Fired, clauses_of
from ockam_fsm.conformance.report.clause_html import to_html
from ockam_fsm.conformance.report.clauses import BY_ID, packaged_texts
from ockam_fsm.explorer.ends import SessionEnd, session_end
from ockam_fsm.explorer.graph import Json, graph
from ockam_fsm.projections import portable
from ockam_fsm.projections.gallery import Picture, Subject, machine_picture

Draw: TypeAlias = Callable[[Picture], str]
"""Draws a picture as a finished SVG."""

ASSETS = Path(__file__).with_name("assets")
TABLE_SOURCE = "ockam_fsm/machines/session.py"
SHOWN = ("states", "events", "effects", "counters", "decisions")
"""The parts of a table's JSON that the page shows."""


@dataclass(frozen=True)
class Exhibit:
    """What a page shows.

    found: the result of the search of `world`.
    rejected_by, because: the property that rejects a known-bad machine, and why it matters; else empty.
    command: the command line of a replay, before and after the path.
    most_states: how many states the page holds at most.
    """

    world: World
    found: Result
    command: tuple[str, str]
    most_states: int
    rejected_by: str = ""
    because: str = ""

    @property
    def path(self) -> str:
        """Where the page opens: the counterexample of a refuted property, else the start."""
        refuted = (one.trace for one in self.found.properties if one.verdict is Verdict.REFUTED)
        return next((trace.path for trace in refuted if trace is not None), "")


def page(exhibit: Exhibit, draw: Draw, *, served: bool = False) -> str:
    """Return the page. `served`: its server answers for states outside the page."""
    style, script = _asset("page.css"), _asset("page.js")
    content = b64encode(zlib.compress(json.dumps(contents(exhibit, draw, served=served)).encode(), 9)).decode()
    parts = {
        "policy": policy(style, script, served=served),
        "title": escape(exhibit.world.name),
        "style": style,
        "content": content,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def policy(style: str, script: str, *, served: bool) -> str:
    """Return the content security policy of a page with this style sheet and this script."""
    connections = "'self'" if served else "'none'"
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        f"img-src data:; connect-src {connections}; base-uri 'none'; form-action 'none'"
    )


def contents(exhibit: Exhibit, draw: Draw, *, served: bool = False) -> Json:
    """Return the data of the page."""
    world, ends = exhibit.world, [end for actor in exhibit.world.actors if (end := session_end(actor)) is not None]
    path = tuple(int(step) for step in exhibit.path.split("/") if step)
    return {
        "world": {
            "name": world.name,
            "description": world.description,
            "bounds": world.bounds,
            "normalised": world.normaliser is not None,
        },
        "search": {
            "verdict": exhibit.found.verdict.value,
            "states": exhibit.found.states,
            "stopped": exhibit.found.limit_hit or "",
        },
        "rejected_by": exhibit.rejected_by,
        "because": exhibit.because,
        "properties": [_property(one.to_json()) for one in exhibit.found.properties],
        "tables": {end.machine.name: _table(end, draw) for end in ends},
        "clauses": dict(_clauses(ends)),
        "command": list(exhibit.command),
        "path": exhibit.path,
        "served": served,
        "graph": graph(world, path, exhibit.most_states),
    }


def _property(one: Mapping[str, Json]) -> Json:
    return {key: one.get(key, "") for key in ("id", "sentence", "kind", "verdict")} | {"path": one.get("path")}


def _table(end: SessionEnd, draw: Draw) -> Json:
    data = portable.to_json(end.machine)
    subject = Subject(end.machine, end.settings.session_type.summary, TABLE_SOURCE)
    return {key: data[key] for key in SHOWN} | {"picture": marked(draw(machine_picture(subject)))}


def _clauses(ends: list[SessionEnd]) -> Iterator[tuple[str, Json]]:
    """The clauses that the rows of the tables cite, with their texts."""
    rows = [Fired(row.source, row.event, row) for end in ends for row in end.machine.rows]
    texts = packaged_texts()
    for number in clauses_of(rows):
        title = BY_ID[number].title if number in BY_ID else ""
        yield number, {"title": title, "text": to_html(texts[number]) if number in texts else ""}


# Pictures -------------------------------------------------------------------------------------------------------------

_GROUP = re.compile(r'<g id="[^"]*" class="(node|edge)">\s*<title>([^<]*)</title>')
_ROW = re.compile(r'<text ([^>]*)>(<tspan font-weight="bold">([^<]+)</tspan>)')
_ID = re.compile(r'(<\w+) id="[^"]*"')


def marked(svg: str) -> str:
    """Return a drawn picture for a page: its boxes, arrows and rows named by attributes instead of ids and titles."""
    body = svg[svg.index("<svg") :]
    body = _GROUP.sub(r'<g class="\1" data-\1="\2">', body)
    body = _ROW.sub(r'<text \1 data-row="\3">\2', body)
    return _ID.sub(r"\1", body)


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

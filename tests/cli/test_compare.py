"""Reports side by side: inapplicable clauses are left out, verdicts link to their evidence, other files are refused."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ockam_fsm.cli import app
from ockam_fsm.conformance.report.findings import Finding, Severity, Verdict
from ockam_fsm.conformance.report.report import Report

HOSTILE = "<script>x</script>"


def run(words: list[str], width: int = 160) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": str(width)})


def written(folder: Path, name: str, *found: tuple[str, Verdict], page: bool = False) -> str:
    """Write the report of an implementation, and return its path."""
    findings = [
        Finding(clause, f"case {at}", verdict, Severity.SAFETY, HOSTILE) for at, (clause, verdict) in enumerate(found)
    ]
    report = Report(f"node {HOSTILE}", findings)
    (folder / f"{name}.json").write_text(json.dumps(report.to_json()))
    if page:
        report.html(folder / f"{name}.html")
    return str(folder / f"{name}.json")


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    one = written(tmp_path, "one", ("4.1", Verdict.PASS), ("4.1", Verdict.FAIL), ("4.2", Verdict.PASS), page=True)
    return [one, f"other={written(tmp_path, 'two', ('4.2', Verdict.INCONCLUSIVE))}"]


def test_a_cell_has_the_worst_verdict_of_its_clause(two: list[str]) -> None:
    done = run(["compare", *two, "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["implementations"]] == ["one", "other"]
    assert {clause["id"]: clause["verdicts"] for clause in found["clauses"]} == {
        "4.1": {"one": "FAIL", "other": "NOT APPLICABLE"},
        "4.2": {"one": "PASS", "other": "INCONCLUSIVE"},
    }


def test_the_table_fits_a_terminal(two: list[str]) -> None:
    lines = run(["compare", *two], width=80).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["clause", "4.1", "4.2"]
    assert max(map(len, lines)) <= 80


def test_a_verdict_links_to_its_evidence_and_text_of_peers_is_escaped(two: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run(["compare", *two, "--html", str(page)]).exit_code == 0
    links, ids = list[str](), set[str]()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag != "script"
            given = dict(attrs)
            links.extend(filter(None, [given.get("href")]))
            ids.update(filter(None, [given.get("id")]))

    Reader().feed(page.read_text())
    assert "one.html#c4.1" in links
    assert not any(link.startswith("two") for link in links), "it has no page"
    Reader().feed((tmp_path / "one.html").read_text())
    assert "c4.1" in ids


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"clauses": [{"id": "4.1"}], "target": "x"}', "{" * 5000, "\0"])
def test_a_file_that_is_no_report_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)
    done = run(["compare", str(file)])
    assert done.exit_code == 2
    assert "is not a report" in done.stderr


def test_other_errors_have_a_remedy(two: list[str], tmp_path: Path) -> None:
    for words, told in (
        (["compare", str(tmp_path / "missing.json")], "cannot read"),
        (["compare", two[0], two[0]], "two reports are named one"),
        (["compare", *two, "--html", str(tmp_path / "no" / "page.html")], "cannot write"),
    ):
        done = run(words)
        assert (done.exit_code, told in done.stderr) == (2, True), done.stderr

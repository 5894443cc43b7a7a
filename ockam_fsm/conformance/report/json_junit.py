"""A report as JUnit XML for CI systems. `Findings.to_json` is the report for other programs.

Rule: one test case for each clause. An expected failure is *skipped* with its reason, so that a conforming run is
      green; an inconclusive clause is an *error*.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from ockam_fsm.conformance.report.findings import Finding, Findings, Line, Verdict
from ockam_fsm.projections.sequence_text import to_text

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Findings) -> str:
    counts = report.counts
    suite = ET.Element(
        "testsuite",
        name=_clean(f"ockam-fsm conform {report.target}"),
        tests=str(len(report.lines)),
        failures=str(sum(line.deviates for line in report.lines)),
        errors=str(counts[Verdict.INCONCLUSIVE.value]),
        skipped=str(sum(_skipped(line) for line in report.lines)),
        time=f"{report.seconds or 0:.3f}",
    )
    for line in report.lines:
        _add(suite, line)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _skipped(line: Line) -> bool:
    return line.verdict is Verdict.NOT_APPLICABLE or (line.verdict is Verdict.FAIL and not line.deviates)


def _add(suite: ET.Element, line: Line) -> None:
    clause = line.clause
    one = ET.SubElement(suite, "testcase", classname="sessions", name=f"{clause.id} {clause.title}", time="0")
    if line.deviates:
        severity = line.severity.value if line.severity else ""
        failure = ET.SubElement(one, "failure", message=_clean(line.reason), type=severity)
        failure.text = _clean(f"{clause.link}\n{_reproduction(line)}")
    elif line.verdict is Verdict.INCONCLUSIVE:
        ET.SubElement(one, "error", message=_clean(line.reason), type="inconclusive")
    elif _skipped(line):
        ET.SubElement(one, "skipped", message=_clean(line.reason))
    else:
        ET.SubElement(one, "system-out").text = _clean(line.reason)


def _reproduction(line: Line) -> str:
    return "\n".join(_shown(one) for one in line.failures)


def _shown(one: Finding) -> str:
    if one.reproduction is None:
        return f"{one.case}: {one.reason}"
    transmissions = "\n".join(
        f"{s.who} -> {s.whom}: {s.data.hex()}  {s.meaning}" for s in one.reproduction.transmissions
    )
    how = one.reproduction.command or one.reproduction.program
    return f"{one.case}: {one.reason}\n{how}\n{transmissions}\n{to_text(one.reproduction.chart)}"


def _clean(text: str) -> str:
    """Replace characters that XML does not allow; a peer may send any."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)

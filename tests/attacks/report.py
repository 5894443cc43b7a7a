"""The measurements of an attack as a line, as JSON, and as a table of docs/attacks.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable
from typing import Any

from tests.attacks.measuring import Measured, quantile


def figures(one: Measured) -> dict[str, float]:
    """Latencies in ms."""
    return {
        "honest_p50_ms": quantile(one.honest, 0.5), "honest_p99_ms": quantile(one.honest, 0.99),
        "honest_max_ms": max(one.honest, default=0.0), "control_p99_ms": quantile(one.control, 0.99),
    }  # fmt: skip


def load(one: Measured) -> str:
    parts = [f"{one.load[name]:,} {name}" for name in ("messages", "connections") if one.load.get(name)]
    if size := one.load.get("bytes"):
        parts.append(f"{size / 1e6:,.1f} MB")
    return ", ".join(parts)


def as_json(one: Measured) -> dict[str, Any]:
    memory = {"before_mib": one.before_mib, "peak_mib": one.peak_mib, "later_mib": one.later_mib}
    facts = {"alive": one.alive, "lost": one.lost, "exit_code": one.exit_code, "stop_seconds": one.stop_seconds,
             "newcomer_ms": one.newcomer_ms, "echoes": len(one.honest), "log_bytes": len(one.log)}  # fmt: skip
    return {"name": one.name, "what": one.what, "load": one.load, **_rounded(memory), **_rounded(figures(one)),
            **_rounded(facts), "found": one.found, "broken": one.broken}  # fmt: skip


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in values.items()}


def console_line(one: Measured) -> str:
    found = figures(one)
    verdict = "; ".join(one.broken) or "holds"
    return (
        f"{one.name:24} {load(one):46} RSS {one.before_mib:4.0f} {one.peak_mib:4.0f} {one.later_mib:4.0f} MiB"
        f"  echo {found['honest_p50_ms']:.1f} {found['honest_p99_ms']:.1f} {found['honest_max_ms']:.1f} ms"
        f" (control {found['control_p99_ms']:.1f})  lost {one.lost}  exit {one.exit_code} in {one.stop_seconds:.1f} s"
        f"  log {len(one.log) / 1024:.0f} KiB  {verdict}"
    )


HEADINGS = (
    "attack", "load", "RSS before, peak, later (MiB)", "echo p50, p99, max (ms)", "control p99 (ms)", "lost",
    "exit code, seconds", "log (KiB)", "bounds",
)  # fmt: skip


def table(results: Iterable[Measured]) -> str:
    lines = [f"| {' | '.join(HEADINGS)} |", f"| --- | --- |{' ---: |' * (len(HEADINGS) - 3)} --- |"]
    for one in results:
        found = figures(one)
        cells = (
            f"`{one.name}`", load(one), f"{one.before_mib:.0f}, {one.peak_mib:.0f}, {one.later_mib:.0f}",
            f"{found['honest_p50_ms']:.1f}, {found['honest_p99_ms']:.1f}, {found['honest_max_ms']:.1f}",
            f"{found['control_p99_ms']:.1f}", str(one.lost), f"{one.exit_code}, {one.stop_seconds:.1f}",
            f"{len(one.log) / 1024:.0f}", "**broken**: " + "; ".join(one.broken) if one.broken else "hold",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores of a shared virtual machine, {platform.system()}, Python {platform.python_version()}"
    )


def written(page: str, results: list[Measured], loop: str) -> str:
    """The page with the section of this event loop and the list of attacks written again."""
    when = f"{datetime.date.today():%Y-%m-%d}; {machine()}; the node runs on {loop}."
    page = _replaced(page, loop, f"{when}\n\n{table(results)}")
    return _replaced(page, "attacks", "\n".join(f"* `{one.name}`: {one.what}" for one in results))


def _replaced(page: str, section: str, text: str) -> str:
    """The page with another text between the two marks of a section."""
    begin, end = (f"<!-- {section}: {mark} -->" for mark in ("begin", "end"))
    before, _, rest = page.partition(begin)
    if end not in rest:
        raise SystemExit(f"the page has no section between {begin!r} and {end!r}")
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"

"""Expected deviations: a file of the known deviations of an implementation, with their reasons.

    [[deviation]]
    clause = "4.1"
    case = "fresh-addresses"      # optional: without it every failure of this clause
    reason = "worker addresses have 64 random bits until release 3"

Rule: a deviation without a reason, or of an unknown clause, is refused. All problems are reported at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from ockam_fsm.conformance.report.clauses import BY_ID
from ockam_fsm.conformance.report.findings import Expected
from ockam_fsm.kernel.errors import DefinitionError

KEYS = {"clause", "case", "reason"}


def read_expected(text: str, name: str) -> tuple[Expected, ...]:
    """Read the text of a file of expected deviations; errors name the file `name`. Raises DefinitionError."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"expected deviations in {name}", [f"not TOML: {error}"]) from None
    entries = read.pop("deviation", [])
    problems = [f"unknown table {key!r}; only [[deviation]] is allowed" for key in read]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append("'deviation' is not an array of tables; write [[deviation]] in double brackets")
        entries = []
    problems += [problem for number, entry in enumerate(entries, 1) for problem in _problems(number, entry)]
    if problems:
        raise DefinitionError(f"expected deviations in {name}", problems)
    return tuple(Expected(entry["clause"], entry["reason"], entry.get("case", "")) for entry in entries)


def _problems(number: int, entry: dict[str, Any]) -> Iterator[str]:
    for key in entry.keys() - KEYS:
        yield f"deviation {number}: unknown key {key!r}; known: {', '.join(sorted(KEYS))}"
    for key in KEYS & entry.keys():
        if not isinstance(entry[key], str):
            yield f"deviation {number}: {key} is not text; write it in quotes"
    if entry.get("clause") not in BY_ID:
        yield f"deviation {number}: there is no clause {entry.get('clause')!r}"
    if not entry.get("reason"):
        yield f"deviation {number}: the reason is missing"

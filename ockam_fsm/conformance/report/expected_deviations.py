"""Expected deviations: a file in which a project says what its implementation does not do, and why.

    [[deviation]]
    clause = "4.1"
    case = "fresh-addresses"      # optional: without it whatever fails in this clause
    reason = "worker addresses have 64 random bits until release 3"

Rule: a deviation without a reason, or of a clause that there is not, is refused; all that is wrong is said at once.
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
    """Raises DefinitionError. `name` is the file's, for the message."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"expected deviations in {name}", [f"no TOML: {error}"]) from None
    entries = read.pop("deviation", [])
    problems = [f"there is no {key!r} here, only [[deviation]]" for key in read]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems, entries = [*problems, "write [[deviation]], in double brackets"], []
    problems += [problem for number, entry in enumerate(entries, 1) for problem in _problems(number, entry)]
    if problems:
        raise DefinitionError(f"expected deviations in {name}", problems)
    return tuple(Expected(entry["clause"], entry["reason"], entry.get("case", "")) for entry in entries)


def _problems(number: int, entry: dict[str, Any]) -> Iterator[str]:
    for key in entry.keys() - KEYS:
        yield f"deviation {number}: there is no {key!r}, only {', '.join(sorted(KEYS))}"
    for key in KEYS & entry.keys():
        if not isinstance(entry[key], str):
            yield f"deviation {number}: {key} is text, in quotes"
    if entry.get("clause") not in BY_ID:
        yield f"deviation {number}: there is no clause {entry.get('clause')!r}"
    if not entry.get("reason"):
        yield f"deviation {number}: say the reason"

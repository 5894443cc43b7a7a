"""`ockam-fsm validate`: whether what was recorded is a behaviour of the specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import DIFFERS, JsonOption, app, fail, out, print_json

if TYPE_CHECKING:
    from ockam_fsm.checking.trace_validation import Rejection, Validation

MOST_LISTED = 12


@app.command()
def validate(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="JSON lines, as spec/traces/README.md describes.")],
    as_json: JsonOption = False,
) -> None:
    """Judge a trace: is there a behaviour of the specification that shows exactly this?

    If not, the first line that none explains is named, with what would have been possible instead. Exit code 1: it is
    no behaviour; 2: it cannot be read.

    Examples:

    * `ockam-fsm validate spec/traces/accepted/negotiate.jsonl`
    * `ockam-fsm validate spec/traces/rejected/sequence-gap.jsonl`
    * `ockam-fsm simulate --type explicit-transient --trace run.jsonl`, and then `ockam-fsm validate run.jsonl`
    """
    result = _judged(trace)
    if as_json:
        print_json(_as_json(trace, result))
    elif result.rejection is None:
        out().print(
            f"accepted: a behaviour of the specification, in {result.steps} steps of {result.sessions} sessions",
            soft_wrap=True,
        )
    else:
        _print(result.rejection)
    if not result.accepted:
        raise typer.Exit(DIFFERS)


def _judged(trace: Path) -> Validation:
    from ockam_fsm.checking.trace_reading import MAX_LINE_BYTES, TraceError
    from ockam_fsm.checking.trace_validation import validate as judge

    try:
        with trace.open("rb") as file:
            return judge(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))
    except OSError as error:
        fail(f"cannot read {trace}: {error.strerror}.", "Name a trace that `ockam-fsm simulate --trace` has written.")
    except TraceError as error:
        fail(f"{trace}, line {error.line}: {error.detail}.", "spec/traces/README.md describes the format.")


def _print(rejection: Rejection) -> None:
    console = out()
    where = f"line {rejection.line} (node {rejection.node}, sequence {rejection.sequence})"
    console.print(f"rejected: no behaviour explains {where}", markup=False, soft_wrap=True)
    console.print(f"  {rejection.why}", markup=False, soft_wrap=True)
    for one in rejection.possible[:MOST_LISTED]:
        console.print(f"  possible: {one}", markup=False, soft_wrap=True)
    if len(rejection.possible) > MOST_LISTED:
        console.print(f"  and {len(rejection.possible) - MOST_LISTED} more", markup=False)


def _as_json(trace: Path, result: Validation) -> dict[str, object]:
    found = result.rejection
    rejection = None if found is None else {
        "line": found.line,
        "node": found.node,
        "sequence": found.sequence,
        "why": found.why,
        "possible": list(found.possible),
    }  # fmt: skip
    return {
        "trace": str(trace),
        "accepted": result.accepted,
        "records": result.records,
        "steps": result.steps,
        "sessions": result.sessions,
        "rejection": rejection,
    }

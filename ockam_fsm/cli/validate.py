"""`ockam-fsm validate`: whether what was recorded is a behaviour of the specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import DIFFERS, JsonOption, app, fail, out, print_json

if TYPE_CHECKING:
    from ockam_fsm.checking.specification.trace_validation import Rejection, Validation

MOST_LISTED = 12


@app.command()
def validate(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="JSON lines, as spec/traces/README.md describes.")],
    tlc: Annotated[bool, typer.Option("--tlc", help="Ask TLC as well; `make spec` installs it.")] = False,
    root: Annotated[Path, typer.Option(help="The folder that has `spec`, for TLC.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Judge a trace: is there a behaviour of the specification that shows exactly this?

    If not, the first line that none explains is named, with what would have been possible instead. Exit code 1: it is
    no behaviour; 2: it cannot be read.

    Examples:

    * `ockam-fsm validate spec/traces/accepted/negotiate.jsonl`
    * `ockam-fsm validate spec/traces/rejected/sequence-gap.jsonl`
    * `ockam-fsm simulate --type explicit-transient --trace run.jsonl`, and then `ockam-fsm validate run.jsonl`
    * `ockam-fsm validate --tlc run.jsonl`: by the TLA+ specification too, `spec/tla/SessionTrace.tla`
    """
    result = _judged(trace)
    second = _by_tlc(trace, root, result) if tlc else {}
    if as_json:
        print_json(_as_json(trace, result) | second)
    elif result.rejection is None:
        out().print(
            f"accepted: a behaviour of the specification, in {result.steps} steps of {result.sessions} sessions",
            soft_wrap=True,
        )
    else:
        _print(result.rejection)
    if second and not as_json:
        out().print(f"TLC finds the same: {'accepted' if result.accepted else 'rejected there'}")
    if not result.accepted:
        raise typer.Exit(DIFFERS)


def _judged(trace: Path) -> Validation:
    from ockam_fsm.checking.specification.trace_reading import MAX_LINE_BYTES, TraceError
    from ockam_fsm.checking.specification.trace_validation import validate as judge

    try:
        with trace.open("rb") as file:
            return judge(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))
    except OSError as error:
        fail(f"cannot read {trace}: {error.strerror}.", "Name a trace that `ockam-fsm simulate --trace` has written.")
    except TraceError as error:
        fail(f"{trace}, line {error.line}: {error.detail}.", "spec/traces/README.md describes the format.")


def _by_tlc(trace: Path, root: Path, result: Validation) -> dict[str, object]:
    """The first line that TLC cannot explain either. Two judges that disagree are a defect of ours."""
    from ockam_fsm.cli.trace_specification import Unjudged, judge, parts_of
    from ockam_fsm.edges.tlc import TlcError

    try:
        lines = [one.line for one in judge(parts_of(trace), root / "spec" / "tla")]
    except Unjudged as error:
        fail(f"TLC cannot judge {error}.", "Leave out --tlc.")
    except TlcError as error:
        fail(error.fact, error.remedy)
    found = min((line for line in lines if line is not None), default=None)
    own = None if result.rejection is None else result.rejection.line
    if found != own:
        fail(f"TLC and our validator disagree: line {found or 'none'}, line {own or 'none'}.", "Please report this.")
    return {"tlc": {"line": found}}


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

"""`ockam-fsm validate`: check whether a recorded trace is a behaviour of the specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeAlias

import typer

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, counted, fail, out, print_json, unknown
from ockam_fsm.kernel.files import write_whole
from ockam_fsm.specification.trace_files import TraceLines

if TYPE_CHECKING:
    from ockam_fsm.specification.trace_validation import Rejection, Validation

MOST_LISTED = 12
MAX_MERGED_BYTES = 512 * 2**20
"""Traces to merge are held in memory; a single trace is not."""
FORMAT_REMEDY = "spec/traces/README.md describes the format."
AFTER_A_KILL = (("restart-without-state",), ("restart-without-state", "duplicate"))
"""The faults to allow for a node that was killed and restarted; messages that it had sent may arrive twice."""
LocateLine: TypeAlias = "Callable[[int], tuple[Path, int]]"
"""Maps a line of the merged trace to its file and its line number there."""


@command
def validate(
    traces: Annotated[
        list[Path], typer.Argument(metavar="TRACE", help="JSON lines (spec/traces/README.md), one file per node.")
    ],
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FAULT", help="A fault that may have occurred, in addition to those of the header; may be repeated."
        ),
    ] = None,
    merged: Annotated[Path | None, typer.Option(help="Write the merged trace to this file.")] = None,
    tlc: Annotated[bool, typer.Option("--tlc", help="Also check with TLC; `make spec` installs it.")] = False,
    root: Annotated[Path, typer.Option(help="With --tlc: the folder that contains `spec`.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Check a trace: is it a behaviour of the specification?

    The traces of several nodes are merged by their messages, without a clock. For a trace that is rejected, the output
    names the first line that no behaviour explains, and the steps that were possible instead. Exit codes: 0 accepted, 1
    rejected, 2 the trace cannot be read.

    `ockam-fsm session --trace near.jsonl` and `ockam-fsm node --trace far.jsonl` record both ends. If one of them was
    killed and started again, add `--allow restart-without-state`.

    Examples:

    * `ockam-fsm validate spec/traces/accepted/life.jsonl`
    * `ockam-fsm validate spec/traces/rejected/sequence-gap.jsonl`
    * `ockam-fsm simulate --type explicit-transient --trace run.jsonl`
    * `ockam-fsm validate run.jsonl`
    * `ockam-fsm validate near.jsonl far.jsonl --allow restart-without-state`
    * `ockam-fsm validate --tlc run.jsonl  # with the TLA+ specification as well`
    """
    with TemporaryDirectory(prefix="validate-") as folder:
        parts = _found(traces)
        as_it_is = len(traces) == len(parts[0].files) == 1 and not allow and not merged
        whole = traces[0] if as_it_is else merged or Path(folder, "merged.jsonl")
        origin = parts[0].origin if as_it_is else _merge(parts, allow or [], whole)
        result = _judged(parts[0] if as_it_is else TraceLines(whole))
        second = _by_tlc(whole, root, result) if tlc else {}
    if as_json:
        print_json(_as_json(traces, result, origin) | second)
    elif result.rejection is None:
        out().print(
            f"accepted: a behaviour of the specification ({counted(result.steps, 'step')}, "
            f"{counted(result.sessions, 'session')})",
            soft_wrap=True,
        )
    else:
        _print(result.rejection, origin, several=len(traces) > 1)
        if not allow and (faults := _explained_by_a_kill(parts)):
            allowing = " ".join(f"--allow {fault}" for fault in faults)
            out().print("If a node was killed and started again during the run, the trace is accepted with")
            out().print(f"  {allowing}", soft_wrap=True)
    if second and not as_json:
        out().print(f"TLC agrees: {'accepted' if result.accepted else 'rejected at the same line'}")
    if not result.accepted:
        raise typer.Exit(DIFFERS)


def _found(traces: Sequence[Path]) -> list[TraceLines]:
    try:
        return [TraceLines(trace) for trace in traces]
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}.", "Name an existing trace, a regular file.")


def _merge(parts: Sequence[TraceLines], allowed: Sequence[str], whole: Path) -> LocateLine:
    """Merge the traces into the file `whole`; return the map from its lines to their origin."""
    from ockam_fsm.specification.trace_merging import MergeError, merge
    from ockam_fsm.specification.trace_validation import ALLOWING

    for fault in allowed:
        if fault not in ALLOWING:
            unknown("fault", fault, ALLOWING)
    size = sum(part.size for part in parts)
    if size > MAX_MERGED_BYTES:
        fact = f"the traces have {size} bytes in total, more than {MAX_MERGED_BYTES}"
        fail(f"{fact}: {', '.join(str(part.files[-1]) for part in parts)}.", "Record with a smaller --trace-size.")
    try:
        found = merge([list(part) for part in parts], allowed)
        write_whole(whole, b"".join(found.lines))
    except OSError as error:
        fail(f"cannot read or write {error.filename}: {error.strerror}.", "Name existing traces and a writable file.")
    except MergeError as error:
        _unreadable(parts[error.which].origin(error.line), error.detail)

    def origin(line: int) -> tuple[Path, int]:
        which, own = found.origin(line)
        return parts[which].origin(own)

    return origin


def _explained_by_a_kill(parts: Sequence[TraceLines]) -> Sequence[str]:
    """Return the faults of a killed node that explain the traces, if any: a user may have forgotten to allow them."""
    from ockam_fsm.specification.trace_merging import MergeError, merge
    from ockam_fsm.specification.trace_reading import TraceError
    from ockam_fsm.specification.trace_validation import validate as judge

    if sum(part.size for part in parts) > MAX_MERGED_BYTES:
        return ()
    with TemporaryDirectory(prefix="validate-") as folder, suppress(OSError, MergeError, TraceError):
        whole, lines = Path(folder, "allowed.jsonl"), [list(part) for part in parts]
        for faults in AFTER_A_KILL:
            write_whole(whole, b"".join(merge(lines, faults).lines))
            if judge(TraceLines(whole)).accepted:
                return faults
    return ()


def _judged(trace: TraceLines) -> Validation:
    from ockam_fsm.specification.trace_reading import TraceError
    from ockam_fsm.specification.trace_validation import validate as judge

    try:
        return judge(trace)
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}.", "Name an existing trace, a regular file.")
    except TraceError as error:
        _unreadable(trace.origin(error.line), error.detail)


def _unreadable(place: tuple[Path, int], detail: str) -> NoReturn:
    fail(f"{place[0]}, line {place[1]}: {detail}.", FORMAT_REMEDY)


def _by_tlc(trace: Path, root: Path, result: Validation) -> dict[str, object]:
    """Return the first line that TLC cannot explain. If it is another line than here, that is a defect of ockam-fsm."""
    from ockam_fsm.specification.tlc_traces import Unjudged, judge, parts_of
    from ockam_fsm.tools.tlc import TlcError

    try:
        lines = [one.line for one in judge(parts_of(trace), root / "spec" / "tla")]
    except Unjudged as error:
        fail(f"TLC cannot judge {error}.", "Leave out --tlc.")
    except TlcError as error:
        fail(error.fact, error.remedy)
    found = min((line for line in lines if line is not None), default=None)
    own = None if result.rejection is None else result.rejection.line
    if found != own:
        lines_found = f"TLC rejects line {found or 'none'}, ockam-fsm line {own or 'none'}"
        fail(f"{lines_found}.", "This is a defect of ockam-fsm: please report it with the trace.")
    return {"tlc": {"line": found}}


def _print(rejection: Rejection, origin: LocateLine, several: bool) -> None:
    console = out()
    trace, line = origin(rejection.line)
    where = f"{trace}, " if several else ""
    where += f"line {line} (node {rejection.node}, sequence {rejection.sequence})"
    console.print(f"rejected: no behaviour explains {where}", soft_wrap=True)
    console.print(f"  {rejection.why}", soft_wrap=True)
    for one in rejection.possible[:MOST_LISTED]:
        console.print(f"  possible: {one}", soft_wrap=True)
    if len(rejection.possible) > MOST_LISTED:
        console.print(f"  and {len(rejection.possible) - MOST_LISTED} more")


def _as_json(traces: Sequence[Path], result: Validation, origin: LocateLine) -> dict[str, object]:
    found = result.rejection
    rejection = None if found is None else {
        "trace": str(origin(found.line)[0]),
        "line": origin(found.line)[1],
        "node": found.node,
        "sequence": found.sequence,
        "why": found.why,
        "possible": list(found.possible),
    }  # fmt: skip
    return {
        "traces": list(map(str, traces)),
        "accepted": result.accepted,
        "records": result.records,
        "steps": result.steps,
        "sessions": result.sessions,
        "rejection": rejection,
    }

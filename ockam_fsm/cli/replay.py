"""`ockam-fsm replay`: run a recorded simulation again and compare, record by record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ockam_fsm.cli.app import DIFFERS, app, fail, out


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(help="A trace that `ockam-fsm simulate --trace` has written.")],
) -> None:
    """Run again what a trace has recorded. Exit code 1: something else happened.

    Examples:

    * `ockam-fsm simulate --seed 7 --trace failing.jsonl` writes a trace if a property does not hold
    * `ockam-fsm replay failing.jsonl`
    """
    from ockam_fsm.edges.runs import replay as run_again

    try:
        line = run_again(trace)
    except OSError as error:
        fail(f"cannot read {trace}: {error.strerror}.", "Name a trace that `ockam-fsm simulate --trace` has written.")
    except (ValueError, LookupError, TypeError, StopIteration):
        fail(f"{trace} is no trace of a simulation.", "Name a trace that `ockam-fsm simulate --trace` has written.")
    if line:
        out().print(f"line {line} differs: the code is not what it was when the trace was written", soft_wrap=True)
        raise typer.Exit(DIFFERS)
    out().print("the same run, record by record", soft_wrap=True)

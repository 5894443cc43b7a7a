"""Four checkers on the same worlds, in one run: the explorer with both back ends, TLC and SPIN.

Each checker runs as a separate process, as for a user, so its cost includes its start, Java, and the compilation of
SPIN's verifier. Numba's code is compiled once for each installation, before the measurement. The explorer checks every
S, R and W of the world on the real sessions; TLC and SPIN check the safety properties of their models.

seconds    processor time of the process and its children: it depends less on the load and the number of cores than
           elapsed time does
megabytes  the largest resident set of these processes

    python -m benchmarks.opinions [--types explicit-transient ...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.projections.tla import module_name

CLI = (sys.executable, "-m", "ockam_fsm.cli")
BY_SPIN = """
import json, sys
from dataclasses import asdict
from ockam_fsm.specification.promela_files import texts
from ockam_fsm.tools.spin import run
print(json.dumps(asdict(run(texts()[f"spec/promela/{sys.argv[1]}.pml"]))))
"""
JUDGES = ("explorer, stdlib", "explorer, numba", "TLC", "SPIN")


@dataclass(frozen=True)
class Opinion:
    """The result of one checker in one world, and its cost."""

    states: int
    verdict: str
    seconds: float
    megabytes: int


def opinions(kind: SessionType) -> Iterator[Opinion]:
    """Yield the result of each checker, in the order of `JUDGES`."""
    for backend in ("stdlib", "numba"):
        yield _opinion([*CLI, "check", f"{kind.name}:lossy", "--backend", backend, "--json"], "worlds")
    yield _opinion([*CLI, "spec", f"MC{module_name(kind.name)}", "--json"], "models")
    yield _opinion([sys.executable, "-c", BY_SPIN, kind.name], "")


def _opinion(command: Sequence[str], key: str) -> Opinion:
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
        file.seek(0)
        found = json.load(file)
    one = found[key][0] if key else found
    verdict = one["verdict"] if key else "REFUTED" if one["violated"] else "PROVED"
    return Opinion(one["states"], verdict, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


def row(kind: SessionType) -> str:
    """Return one line of the table; a disagreement is shown in place of the verdict."""
    found = list(opinions(kind))
    said = {(one.states, one.verdict) for one in found}
    states, verdict = next(iter(said)) if len(said) == 1 else (0, f"THEY DISAGREE: {sorted(said)}")
    bounds = lossy(config_of(kind)).bounds
    spoken = ", ".join(f"{name} {limit}" for name, limit in bounds.items() if limit != "unlimited")
    costs = " | ".join(f"{one.seconds:,.1f} s, {one.megabytes:,} MB" for one in found)
    return f"| `{kind.name}:lossy` | {spoken} | {states:,} | {verdict} | {costs} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--types", nargs="*", choices=[kind.name for kind in TYPES])
    wanted = parser.parse_args().types
    heads = ("world", "bounds", "states", "verdict", *JUDGES)
    subprocess.run(
        [*CLI, "check", f"{TYPES[0].name}:lossy", "--backend", "numba"], stdout=subprocess.DEVNULL, check=True
    )
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for kind in TYPES:
        if not wanted or kind.name in wanted:
            print(row(kind), flush=True)


if __name__ == "__main__":
    main()

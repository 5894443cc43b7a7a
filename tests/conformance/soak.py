"""Does the kit accuse our own node, sooner or later, on a busy machine? By hand:

    python -m tests.conformance.soak [RUNS] [BUSY]

RUNS (50) complete runs, one after another, of all three spawners at once, while BUSY (2) processes use up the
processors. It prints what was not PASS or NOT APPLICABLE, and ends with 1 if there was any.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack

from ockam_fsm.conformance.findings import Verdict
from tests.conformance.defective import judged, our_node, target
from tests.conformance.defective_node import CAPACITY
from tests.conformance.test_wire_ours import DURATIONS, SPAWNERS

BURN = "while True: sum(range(100_000))"


def main(runs: int, busy: int) -> int:
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        for _ in range(busy):
            burning = stack.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
            stack.callback(burning.kill)
        for number in range(1, runs + 1):
            # A node of its own for each run: the cases about capacity leave its spawners full.
            with our_node("--durations", DURATIONS, "--capacity", str(CAPACITY)) as where:
                nodes = {name: (target(where, kind, spawner=name), ()) for name, kind in SPAWNERS.items()}
                for name, report in judged(nodes).items():
                    counts[report.summary["verdict"]] += 1
                    for one in report.findings:
                        if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
                            print(f"run {number}, {name}: {one.clause} {one.case} {one.verdict.value}: {one.reason}")
            print(f"{number} of {runs}: {dict(counts)}", flush=True)
    return int(set(counts) != {"conforms"})


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given, *(50, 2)[len(given) :]))

"""A soak test of the kit for false alarms on a busy machine. Run it by hand:

    python -m tests.conformance.soak [RUNS] [BUSY]

It makes RUNS (50) complete runs while BUSY (2) processes load the processors. In each run the kit judges all responders
of our nodes at once, also two-sided ones, and then our initiators. It prints each finding that is not PASS or NOT
APPLICABLE, and exits with 1 if there was one.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.net.event_loop import run
from tests.conformance.defective import judged
from tests.conformance.defective_node import CAPACITY
from tests.conformance.test_wire_initiators import OURS
from tests.conformance.test_wire_initiators import judged as judged_initiators
from tests.conformance.test_wire_ours import our_targets

BURN = "while True: sum(range(100_000))"


def main(runs: int, busy: int) -> int:
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        for _ in range(busy):
            burning = stack.enter_context(subprocess.Popen([sys.executable, "-c", BURN]))
            stack.callback(burning.kill)
        for number in range(1, runs + 1):
            for name, report in once().items():
                counts[report.summary["verdict"]] += 1
                for one in report.findings:
                    if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
                        print(f"run {number}, {name}: {one.clause} {one.case} {one.verdict.value}: {one.reason}")
            print(f"{number} of {runs}: {dict(counts)}", flush=True)
    return int(set(counts) != {"conforms"})


def once() -> dict[str, Report]:
    """Make one run with new nodes, since the cases about capacity leave their spawners full."""
    with our_targets("--capacity", str(CAPACITY)) as nodes:
        responders = judged({name: (node, ()) for name, node in nodes.items()})
    initiators = run(judged_initiators(*OURS), fast=False)
    return responders | {f"initiator {name}": report for name, report in initiators.items()}


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given, *(50, 2)[len(given) :]))

"""Mutation test of the black-box kit: each table mutant is the spawner of a node, tested over TCP by the table cases of
the wire kit.

    python -m tests.quality.wire_mutants TYPE [EVERY]     every EVERYth (1) mutant of the responder's table

It prints the mutants that the in-process kit kills and this one does not, and writes nothing: a fault that no peer can
cause or observe is not a gap. `test_wire_table_cases.py` keeps the gaps found so far. A type takes about fifteen
minutes, a two-sided one hours.

Left out: initiators, which have no cases of rows.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.raw_peer import together
from tests.conformance.table_node import judged_by_rows, settings
from tests.quality.kit_mutants import kit_fate, rehearsed
from tests.quality.mutants import fate_of, scenes_for
from tests.quality.operators import Mutant, mutants_of
from tests.quality.report import INDISTINGUISHABLE, KILLED, UNDEFINABLE

AT_ONCE = 4


def killed_in_process(kind: SessionType) -> Iterator[Mutant]:
    scenes, rehearsal = scenes_for(kind, Role.RESPONDER), rehearsed(kind, Role.RESPONDER)
    for mutant in mutants_of(kind, Role.RESPONDER):
        can_be_told = fate_of(mutant, scenes).verdict not in (UNDEFINABLE, INDISTINGUISHABLE)
        if can_be_told and kit_fate(mutant, rehearsal).verdict == KILLED:
            yield mutant


def main(name: str, every: int = 1) -> None:
    logging.disable(logging.CRITICAL)
    kind = next(one for one in TYPES if one.name == name)
    mutants = list(killed_in_process(kind))[::every]
    print(f"{len(mutants)} mutants that the in-process kit rejects", flush=True)

    async def one(mutant: Mutant) -> str:
        verdict: str = (await judged_by_rows(settings(kind, mutant.machine()))).summary["verdict"]
        if verdict != "deviates":
            print(f"{verdict}: {mutant.name}", flush=True)
        return verdict

    verdicts = run(together((one(mutant) for mutant in mutants), AT_ONCE), fast=False)
    print(f"{verdicts.count('deviates')} of {len(verdicts)} are rejected over TCP")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))

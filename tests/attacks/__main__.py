"""`python -m tests.attacks`: run attacks, print the measurements, exit 1 if a bound is exceeded."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.attacks.catalogue import ATTACKS
from tests.attacks.measuring import Attack, Measured, NodeProcess, run
from tests.attacks.report import as_json, console_line, written


def chosen(names: list[str], parser: argparse.ArgumentParser) -> list[Attack]:
    known = {attack.name: attack for attack in ATTACKS}
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no such attack: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(ATTACKS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="attacks to run; without any: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop", help="the node's event loop")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table into this page")
    given = parser.parse_args()
    results: list[Measured] = []
    control = NodeProcess()
    try:
        for attack in chosen(given.names, parser):
            if not control.alive:
                raise SystemExit("the control has ended: was it killed from outside?")
            results.append(run(attack, control.port, uvloop=given.loop == "uvloop"))
            print(console_line(results[-1]), file=sys.stderr if given.json else sys.stdout, flush=True)
    finally:
        control.stop()
    if given.json:
        print(json.dumps([as_json(one) for one in results], indent=2))
    if given.write is not None:
        given.write.write_text(written(given.write.read_text(), results, given.loop))
    return int(any(one.broken for one in results))


if __name__ == "__main__":
    sys.exit(main())

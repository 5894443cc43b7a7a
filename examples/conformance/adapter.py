"""The protocol of spec/conformance-pipe.md, for an implementation in Python: test it with `ockam-fsm conform --pipe`.

    python examples/conformance/adapter.py

Replace `our_end` with your own class: any callable that takes an `EndpointUnderTest` and returns a `Target`.
`check_initiator(MyEnd)` does the same in one process; a separate program may crash, hang and leak without effect on
the kit.
"""

from __future__ import annotations

import sys

from ockam_fsm.conformance import our_end
from ockam_fsm.conformance.pipe import serve


def write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    serve(our_end, sys.stdin, write)

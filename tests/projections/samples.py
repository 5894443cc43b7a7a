"""Machines to project: all shipped ones, and one with the worst names and reasons that the kernel allows."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.machines import MACHINES

PAGE = "ockam_fsm/machines/somewhere.py"

OddState = Enum(
    "OddState", {"end": 'a "start" | <b>', "b:c \\N": "back\\slash", "state": "{record}; #", "ünï-2": "fin"}
)
OddEvent = Enum("OddEvent", {"go on": "order: <go> & run", "x.y*": 'timer: "x"', "note": "a|b", "E_LOST": "`gone`"})


class OddEffect(Enum):
    SEND_IT = "send <it> | off"


_tries = Counter("tries", 2, "tries | so <far>", unlimited_allowed=True)
_end, _colon, _state, _final = OddState
_go, _dot, _note, _lost = OddEvent

ODD: Machine[Any, Any, Any] = Machine(
    'odd "machine" <&|>; #1',
    _end,
    (_final,),
    tuple(OddEvent),
    (_tries,),
    (
        Part(
            "part | with <marks>",
            (
                Row('A"1', _end, _go, _colon, (OddEffect.SEND_IT,), cites="a|b"),
                Row("<B>", _colon, _dot, _state, when=(_tries.below(),), updates=(_tries.increment,), cites="*x*"),
                Row("C|2", _colon, _dot, _final, when=(_tries.at_least(),), cites="[x]"),
                Row("D;#", _state, _lost, _colon, (OddEffect.SEND_IT,) * 2, updates=(_tries.reset,), cites="_x_"),
                Row("E|{}<>", _colon, _note, _colon, cites="`"),
                Row("F\\", _state, _note, _final, updates=(_tries.decrement,), cites="\\"),
                Ignore(_go, because="a | reason; with <marks> & *stars* #1 \\ {x}"),
                Ignore(_note, because='"quoted"'),
                Refuse(_dot, because="two\nlines", remedy="do <this> | that"),
                Refuse(_lost, (_end, _colon, _final), because="`code`"),
            ),
        ),
    ),
)

EVERY: tuple[Machine[Any, Any, Any], ...] = (*MACHINES, ODD)
NAMES = [machine.name for machine in EVERY]

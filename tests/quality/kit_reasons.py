"""Why some mutants pass the kit: written by people, compared by a test.

A survivor is named in full, or by row and fault where every table that lets it live does so for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping

_OVER = (
    "the session is closed in the same moment, and what arrives at an address that lives on is ignored there, as it is "
    "at one that is gone (clause 14.4); what it costs is room, which no message shows"
)
_AN_ATTEMPT = (
    "what is kept is an attempt that has no route: nothing is said over it, what arrives for it is ignored in "
    "TIMED_OUT, and the next attempt takes its place"
)
_NOBODY_ASKS = "the session is closed, where nothing is held: nobody asks the count any more"
_HELD_ONCE = "a transient session holds nothing once it was established: nobody asks the count any more"
_HOST_FORGETS = "the host has forgotten the responder, and its timers with it: what they would say finds nobody"
_NEVER_IDLE = "a host keeps no responder in IDLE: one that it made for a hello has answered it, or is forgotten"
_SAME_STATE = (
    "where no previous generation is usable, NEGOTIATING and RENEGOTIATING do the same, and the name of a state is "
    "told to nobody"
)
_ENDS = ("drop", "retarget NEGOTIATING", "retarget ESTABLISHED", "retarget TIMED_OUT", "lose NOTIFY_CLOSED")

_GROUPS: Mapping[str, tuple[str, ...]] = {
    _OVER: tuple(
        f"{row} lose FORGET_ROUTE"
        for row in (
            "KT2", "FT1", "FT5", "FT6", "NT4", "NTI4", "UT1", "TT2", "TT3", "ZT2", "ZT3", "LT2", "LT3",
            "ZP2", "ZP3", "ZP5", "LP2", "LP3", "LP5", "PO1", "C1", "C2",
        )
    ),
    _AN_ATTEMPT: tuple(f"{row} lose FORGET_ROUTE" for row in ("GB2", "GB3", "GB4", "GB8")),
    _NOBODY_ASKS: tuple(
        f"{row} update missing held := 0" for row in (
            "TT1", "TT2", "ZT2", "ZT4", "BX2", "BM2", "ZP2", "ZP4", "ZP5", "LT2", "LT4", "LP2", "LP4", "LP5",
            "C1", "C3", "C4",
        )
    ),
    _HELD_ONCE: tuple(f"{row} update missing held := 0" for row in ("QT1", "NT1", "NTI1")),
    _HOST_FORGETS: tuple(
        f"{row} lose STOP_TIMERS"
        for row in (
            "FT2", "FT3", "FT4", "FT5", "FT6", "TT3", "ZT2", "ZT3", "ZT4", "ZP2", "ZP3", "ZP4", "ZP5", "LT2", "LT3",
            "LP2", "LP3", "LP4", "LP5", "CT1", "CT2", "C1", "C2", "C3", "C4", "PO1", "PW1", "U2",
        )
    ),
    _NEVER_IDLE: (
        *(f"{row} {fault}" for row in ("ZT1", "ZP1", "LT1", "LP1") for fault in _ENDS),
        "ZP1 retarget RENEGOTIATING", "LP1 retarget RENEGOTIATING",
    ),
    _SAME_STATE: (
        *(f"{row} retarget RENEGOTIATING" for row in ("QO2", "QO4", "RO1", "HP1", "IP1")),
        *(f"{row} retarget NEGOTIATING" for row in ("DW1", "WX1", "WI1", "BX1", "BM1", "BM4", "HP2", "IP2")),
    ),
    "a transient session makes no further hello: the number is for its storage alone": (
        "NT2 lose CATCH_UP", "NTI2 lose CATCH_UP",
    ),
    "it closes by itself in the same moment, and a host may have forgotten by then whom the order is for": (
        "ZT4 drop",
    ),
    "it closes by itself in the same moment, and has nothing more to say": ("ZT4 lose SEND_CLOSE",),
    "it closes by itself in the same moment; of what may come in between the kit tries a close by order only (ZT4)": (
        *(f"{row} {fault}" for row in ("LT4", "CT3") for fault in (*_ENDS, "lose STOP_TIMERS")),
        *(f"LT4 {fault}" for fault in ("retarget IDLE", "lose FAIL_REQUESTS", "lose DISCARD_HELD")),
    ),
    "it closes by itself in the same moment: an end that has done so by then has failed the request instead": tuple(
        f"IT2 {fault}"
        for fault in (
            "drop", "retarget IDLE", "retarget NEGOTIATING", "retarget ESTABLISHED", "retarget CLOSED",
            "lose TAKE_BACK", "update missing held := held - 1", "update twice held := held - 1",
        )
    ),
    "the reason that a failed request carries is not compared (conformance/target.py)": (
        "BX2 swap NOTE_EXHAUSTED, FAIL_REQUESTS", "BM2 swap NOTE_EXHAUSTED, FAIL_REQUESTS",
    ),
    "a request starts the idle timer afresh, and with the durations that the kit declares it expires long before it": (
        "UT1 lose FAIL_REQUESTS",
    ),
    "whatever confirms an answer is heard in the generation that it confirms, which resets the count as well": (
        "RO4 update missing misses := 0",
    ),
    "whatever ends the previous generation confirms the next one, which takes its place in the same moment": (
        "V3 lose END_CURRENT",
    ),
}  # fmt: skip

REASONS: Mapping[str, str] = {fault: reason for reason, faults in _GROUPS.items() for fault in faults}

"""The reasons why some mutants survive the kit: written by hand, compared by a test.

A survivor is named in full, or by row and fault where the reason is the same in every table in which it survives.
"""

from __future__ import annotations

from collections.abc import Mapping

_OVER = (
    "the session closes at once, and messages at an address that remains are ignored, as at one that was removed "
    "(clause 14.4); the only cost is memory, which no message shows"
)
_AN_ATTEMPT = (
    "the attempt that remains has no route: nothing is sent over it, messages for it are ignored in TIMED_OUT, and the "
    "next attempt replaces it"
)
_COUNT_IS_UNUSED = "the session is closed and holds nothing, so the count is not read again"
_HELD_ONCE = "a transient session holds nothing after it was established, so the count is not read again"
_HOST_FORGETS = "the host has discarded the responder, so an expired timer has no effect"
_NEVER_IDLE = "a host keeps no responder in IDLE: one made for a hello has answered it or is discarded"
_SAME_STATE = (
    "without a usable previous generation NEGOTIATING and RENEGOTIATING behave alike, and the name of a state is not "
    "visible"
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
    _COUNT_IS_UNUSED: tuple(
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
    "a transient session sends no further hello, so its number is only stored": (
        "NT2 lose CATCH_UP", "NTI2 lose CATCH_UP",
    ),
    "it closes by itself at once, and a host may have discarded the receiver of the order by then": (
        "ZT4 drop",
    ),
    "it closes by itself at once, and sends nothing more": ("ZT4 lose SEND_CLOSE",),
    "it closes by itself at once; of the events possible before, the kit tries only a close by order (ZT4)": (
        *(f"{row} {fault}" for row in ("LT4", "CT3") for fault in (*_ENDS, "lose STOP_TIMERS")),
        *(f"LT4 {fault}" for fault in ("retarget IDLE", "lose FAIL_REQUESTS", "lose DISCARD_HELD")),
    ),
    "it closes by itself at once, and an end that has closed has already failed the request": tuple(
        f"IT2 {fault}"
        for fault in (
            "drop", "retarget IDLE", "retarget NEGOTIATING", "retarget ESTABLISHED", "retarget CLOSED",
            "lose TAKE_BACK", "update missing held := held - 1", "update twice held := held - 1",
        )
    ),
    "the reason of a failed request is not compared (conformance/target.py)": (
        "BX2 swap NOTE_EXHAUSTED, FAIL_REQUESTS", "BM2 swap NOTE_EXHAUSTED, FAIL_REQUESTS",
    ),
    "a request restarts the idle timer, and with the durations of the kit it expires long before that timer": (
        "UT1 lose FAIL_REQUESTS",
    ),
    "a message that confirms an answer belongs to the confirmed generation, and resets the count as well": (
        "RO4 update missing misses := 0",
    ),
    "the event that ends the previous generation confirms the next one, which replaces it at once": (
        "V3 lose END_CURRENT",
    ),
}  # fmt: skip

REASONS: Mapping[str, str] = {fault: reason for reason, faults in _GROUPS.items() for fault in faults}

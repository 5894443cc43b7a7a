"""The choice of a search back end. `search_numba`, and with it numba, is imported only when it is chosen."""

from __future__ import annotations

from importlib.util import find_spec

from ockam_fsm.checking.engine.search import Guard, Search
from ockam_fsm.checking.engine.search_stdlib import StdlibSearch
from ockam_fsm.checking.engine.steps import Moves
from ockam_fsm.kernel.errors import Error, Portable

WORTH_NUMBA_STATES = 100_000
"""The size from which numba is faster. Loading numba and its compiled code takes one second (compiling it the first
time, ten); the standard library searches this many states in one to four seconds."""

WORD_BITS = 63
REMEDY = "pip install 'ockam-fsm[fast]', or backend='stdlib'"


class BackendUnavailable(Error, RuntimeError):
    """The requested back end cannot search this world. The text has the reason and the remedy."""


class Outgrown(Portable, Exception):
    """The world is large enough for numba to be faster."""


def why_not_numba(moves: Moves) -> str | None:
    if find_spec("numba") is None:
        return f"numba is not installed: {REMEDY}"
    if moves.folding is not None:
        return "a normalised world is folded in Python after every step: use backend='stdlib' (or 'auto')"
    if moves.layout.bits > WORD_BITS:
        return (
            f"a packed state takes {moves.layout.bits} bits and a machine word has {WORD_BITS}: "
            "lower in_flight or the budgets, or use backend='stdlib'"
        )
    return None


def choose(moves: Moves, wanted: str) -> Search:
    obstacle = why_not_numba(moves)
    match wanted:
        case "stdlib":
            return StdlibSearch(moves)
        case "auto":
            return StdlibSearch(moves) if obstacle else _Outgrowing(moves)
        case "numba":
            if obstacle:
                raise BackendUnavailable(f"backend 'numba' cannot search {moves.world.name}: {obstacle}")
            from ockam_fsm.checking.engine.search_numba import NumbaSearch

            return NumbaSearch(moves)
    raise ValueError(f"backend {wanted!r} is unknown; use one of auto, stdlib, numba")


class _Outgrowing(StdlibSearch):
    """The standard library search; it raises `Outgrown` when the world turns out to be large."""

    def advance(self, guard: Guard) -> bool:
        def small(states: int, transitions: int) -> bool:
            if states > WORTH_NUMBA_STATES:
                raise Outgrown
            return guard(states, transitions)

        return super().advance(small)

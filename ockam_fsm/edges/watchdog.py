"""Work that may never come back, because it calls code of others: done in a thread that is given up when it stalls.

Limit: a thread cannot be stopped from outside. One that was given up goes on until the program ends; it is a daemon, so
that it keeps no program alive. It is for code that is judged, never for code that is relied on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


def watched(work: Callable[[], None], beats: Callable[[], int], patience_seconds: float) -> bool:
    """Do `work`; False if `beats` did not move for `patience_seconds` (the work goes on, and is given up).

    Raises whatever the work raises.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # the caller's to see, in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, name="watched", daemon=True)
    thread.start()
    while thread.is_alive():
        before = beats()
        thread.join(patience_seconds)
        if thread.is_alive() and beats() == before:
            return False
    if raised:
        raise raised[0]
    return True

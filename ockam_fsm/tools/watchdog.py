"""Work that may never come back, because it calls code of others: done in a thread that is given up when it stalls.

Rule 1: only time that passes in a call of theirs counts. What we do between two calls may take as long as it likes.
Limit: a thread cannot be stopped from outside. One that was given up goes on until the program ends; it is a daemon, so
that it keeps no program alive. It is for code that is judged, never for code that is relied on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Calls:
    """Calls of code of others: `with calls:` is around each. `open`: the number of the one that goes on, if any."""

    def __init__(self) -> None:
        self.made = 0
        self.open: int | None = None

    def __enter__(self) -> None:
        self.made += 1
        self.open = self.made

    def __exit__(self, *error: object) -> None:
        self.open = None


def watched(work: Callable[[], None], call: Callable[[], object], patience_seconds: float) -> bool:
    """Do `work`. `call` names the call of theirs that goes on now, or is None; False if one takes longer than
    `patience_seconds` (the work goes on, and is given up).

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
        before = call()
        thread.join(patience_seconds)
        if thread.is_alive() and before is not None and call() == before:
            return False
    if raised:
        raise raised[0]
    return True

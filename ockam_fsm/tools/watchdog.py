"""A time limit for work that calls foreign code: it runs in a thread that is abandoned when a call stalls.

Rule 1: only the time inside a foreign call counts; the time between two calls is not limited.
Limit: a thread cannot be stopped from outside. An abandoned one runs until the program ends; it is a daemon, so that it
does not keep the program alive. So use it only for code under test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Calls:
    """A record of foreign calls; put `with calls:` around each. `open`: number of the current call, None between."""

    def __init__(self) -> None:
        self.made = 0
        self.open: int | None = None

    def __enter__(self) -> None:
        self.made += 1
        self.open = self.made

    def __exit__(self, *error: object) -> None:
        self.open = None


def watched(work: Callable[[], None], call: Callable[[], object], patience_seconds: float) -> bool:
    """Run `work`. `call` returns the number of the current foreign call, or None. Return False if one call takes longer
    than `patience_seconds`; the thread is then abandoned.

    Raises the exception of `work`.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # raised again in the thread of the caller
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

"""Why mutants of the runtime's code survive, as people have written it down (CODE_SURVIVORS.md).

A survivor is named by its function and, as the page prints it, by the beginning of what is changed in it.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "it is a text for people, or part of one": (
        "node/session_workers.py SessionWorker._rely_on_link: - self.router.afterwards.append(lambda: "
        "self.lower_layer_lost('it was lost while a hello was answered')) + self.router.afterwards.append(lambda: "
        "self.lower_layer_lost(None))",
    ),
}
"""A reason -> the survivors that it is the reason of."""

REASONS: Mapping[str, str] = {beginning: reason for reason, names in _GROUPS.items() for beginning in names}

"""The reasons why mutants of the runtime's code survive (CODE_SURVIVORS.md), written by hand.

A survivor is named by its function and by the beginning of its change, as printed on the page.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "it changes only a text for people": (
        "node/session_workers.py SessionWorker._rely_on_link: - self.router.afterwards.append(lambda: "
        "self.lower_layer_lost('it was lost while a hello was answered')) + self.router.afterwards.append(lambda: "
        "self.lower_layer_lost(None))",
    ),
}
"""The survivors of each reason."""

REASONS: Mapping[str, str] = {beginning: reason for reason, names in _GROUPS.items() for beginning in names}

"""Why mutants of the runtime's code survive, as people have written it down (CODE_SURVIVORS.md).

A survivor is named by its function and, as the page prints it, by the beginning of what is changed in it.
"""

from __future__ import annotations

from collections.abc import Mapping

_GROUPS: Mapping[str, tuple[str, ...]] = {}
"""A reason -> the survivors that it is the reason of. None is left of those that were known."""

REASONS: Mapping[str, str] = {beginning: reason for reason, names in _GROUPS.items() for beginning in names}

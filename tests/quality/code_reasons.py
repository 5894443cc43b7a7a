"""Why mutants of the runtime's code survive, as people have written it down (CODE_SURVIVORS.md)."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {}
"""What is changed, as the page prints it -> why no property sees it."""

"""Why some mutants survive, and why some rows are never taken: written by people, compared by a test.

A survivor is named in full, or by row and fault where every table that has the row lets it live for the same reason.
"""

from __future__ import annotations

REASONS: dict[str, str] = {}

NEVER: dict[str, str] = {}

"""The reasons why some mutants survive and some rows are never taken: written by hand, compared by a test.

A survivor is named in full, or by row and fault where the reason is the same in every table with the row.
"""

from __future__ import annotations

REASONS: dict[str, str] = {}

NEVER: dict[str, str] = {}

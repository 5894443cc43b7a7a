"""The oracle: compares a target with the reference end step by step and attributes differences to clauses."""

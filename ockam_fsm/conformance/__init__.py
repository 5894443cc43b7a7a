"""Does another implementation keep the clauses of `spec/sessions.md`? Kits that judge it, and the report they fill.

Every kit makes `Finding`s (findings.py) about `Clause`s (clauses.py); a `Report` gathers them, one verdict a clause.
"""

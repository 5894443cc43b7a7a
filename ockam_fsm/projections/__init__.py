"""Projections of a table to text: pictures, printed tables and files for other tools, as pure functions.

Rule 1: every projection reads the machine and nothing else; text for people is in the table.
Rule 2: the same machine gives the same text, byte by byte: everything that is iterated is ordered.
Rule 3: no projection omits a row. Tests look for every row id in each of them.
"""

"""Table to text: pictures, printed tables and files that other tools read. Pure: a machine goes in, a string comes out.

Rule 1: every projection reads the machine and nothing else; whatever people should see is in the table first.
Rule 2: the same machine gives the same text, byte by byte: everything that is iterated is ordered.
Rule 3: no projection leaves a row out. Tests look for every row id in every one of them.
"""

"""Attacks on a real node, measured beside an honest client.

`python -m tests.attacks` runs them (`make attack`); `test_worst.py` has the worst of them as tests. Each attack is a
function of a module of its kind (floods, kept, routes, sessions, connections). It runs in a process of its own against
a node in another one, over loopback only, and is bounded in time and memory (measuring.py).
"""

"""Other programs and processes: Graphviz, TLC, SPIN, process pools, line-based subprocesses, watchdogs."""

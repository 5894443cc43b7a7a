"""Sessions as nothing but their tables: what TLC counts, what traces are judged by, what test cases come from."""

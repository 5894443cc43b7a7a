"""The kit for targets that are called: in this process or over a pipe."""

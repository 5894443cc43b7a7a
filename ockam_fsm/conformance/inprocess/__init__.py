"""The kit for targets that can be called: in this process, or over a pipe."""

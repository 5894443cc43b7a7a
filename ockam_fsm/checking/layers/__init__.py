"""One session over another in closed worlds: two real nodes, both arrangements of the discussion, known-bad layers."""

"""Internals of the model checker: packed states, cached handler calls, search back ends. Use `ockam_fsm.checking`."""

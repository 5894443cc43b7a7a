"""Simulation in virtual time: nodes and networks with seeded faults, workloads and property monitors."""

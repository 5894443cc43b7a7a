"""The safety properties of one session, each written once, for the explorer and for the simulator."""

"""The safety properties of one session, each written once, for the explorer, the table world and the simulator."""

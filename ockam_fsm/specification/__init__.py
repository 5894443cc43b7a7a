"""The formal specification: TLA+ and Promela models of the tables, the table world, and trace validation."""

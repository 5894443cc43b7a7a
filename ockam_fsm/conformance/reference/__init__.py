"""The reference implementation behind the kit's interface, and its instrumentation."""

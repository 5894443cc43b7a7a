"""The reference implementation as a target, and its instrumentation."""

"""What is right: a target is compared with the reference step by step, and differences are attributed to clauses."""

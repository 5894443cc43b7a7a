"""Sessions, checked: the worlds they are tried in, what must hold there, and the machines that must be rejected."""

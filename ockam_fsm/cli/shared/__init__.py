"""Parts that several commands share: options, names of worlds, output, pins."""

"""What commands share: options, names of worlds, output, pins."""

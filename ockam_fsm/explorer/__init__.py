"""The explorer page: a world of the checker to step through in a browser, as one file or served on loopback."""

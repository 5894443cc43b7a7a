"""The cases of the black-box kit, by subject."""

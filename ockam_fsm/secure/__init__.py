"""Secure channels without I/O: the Noise engine, transport, identities, trust. Needs the extra `secure`."""

try:
    import cryptography  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "secure channels need the package cryptography: run pip install 'ockam-fsm[secure]'", name="cryptography"
    ) from error

"""The process of an attacker: `python -m tests.attacks.attacker MODULE FUNCTION PORT SECONDS`.

It prints a line when it begins, and one with its load when it has ended.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

from tests.attacks.connections import raise_descriptors


def main(module: str, function: str, port: str, seconds: str) -> None:
    strike = getattr(import_module(module), function)
    raise_descriptors()
    print("begins", flush=True)
    print(json.dumps(strike(int(port), float(seconds))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A node on Ockam's own Rust crates (rust_node/), built once into a cache outside the clone and run as a process.

Rule 1: the cache contains only complete programs: the built file is copied into the cache folder and then renamed. Its
        name has the hash of its sources, so each version of them is another program.
Rule 2: no orphans. The program ends when its standard input does, and leaving the block kills it.
Rule 3: a node that is killed is started again on its old port, with its old identity.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Coroutine
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from ockam_fsm.net.event_loop import run
from tests.net.ports import kept_address

CRATE = Path(__file__).parent / "rust_node"
SOURCES = ("Cargo.lock", "Cargo.toml", "core2/Cargo.toml", "core2/src/lib.rs", "src/main.rs")
START_SECONDS = 30.0
DEADLINE_SECONDS = 300.0
"""The limit of one test. Only a failing test takes as long."""

ERROR_CHARACTERS = 2000


class Missing(RuntimeError):
    """The Rust node is not built and cannot be built."""


def place() -> Path:
    """The path of the program once it is built."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ockam_fsm" / "rust"
    digest = sha256(b"".join((CRATE / name).read_bytes() for name in SOURCES)).hexdigest()
    return cache / f"rust_node-{digest[:16]}"


def program() -> Path:
    """The built program.

    Raises:
        Missing: see there.
    """
    built = place()
    cache = built.parent
    if built.is_file():
        return built
    if shutil.which("cargo") is None:
        raise Missing(f"{built} is not there, and cargo is not installed. Install Rust 1.88 or newer, with cargo.")
    target = cache / "target"
    print(f"Building a node on Ockam's Rust crates in {target}; the first time that takes minutes ...", flush=True)
    command = ["cargo", "build", "--quiet", "--locked", "--target-dir", str(target)]
    done = subprocess.run(command, cwd=CRATE, stdin=DEVNULL, stderr=PIPE, text=True, check=False)
    if done.returncode:
        raise Missing(f"cargo cannot build the node of {CRATE}: {done.stderr[-ERROR_CHARACTERS:]}")
    with NamedTemporaryFile(dir=cache, prefix="rust_node-", delete=False) as copy:
        shutil.copy(target / "debug" / "rust_node", copy.name)
    Path(copy.name).rename(built)
    return built


def with_rust(main: Coroutine[Any, Any, None]) -> None:
    """Run a test, and fail it if it hangs."""

    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await main

    run(bounded())


class RustNode:
    """A running Rust node: `async with RustNode(folder) as node`. Its identity is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.where = kept_address()
        """The same in every incarnation."""
        self.identifier = ""
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> RustNode:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start the node and wait until it listens."""
        port = self.where.rpartition(":")[2]
        options = ("--port", port, "--folder", str(self._folder))
        self._process = await asyncio.create_subprocess_exec(program(), "serve", *options, stdin=PIPE, stdout=PIPE)
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        assert line.startswith(f"listening {self.where} identifier I".encode()), line
        self.identifier = line.decode().split()[-1]

    async def kill(self) -> None:
        """End the node with SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._process = None


async def rust_client(where: str, count: int, seconds: float) -> dict[str, dict[str, Any]]:
    """Have a Rust node send `count` messages to the worker `echo` at `where`, plain and then in a secure channel.

    Returns what it found, by step.
    """
    process = await asyncio.create_subprocess_exec(program(), "connect", where, str(count), stdout=PIPE, stderr=PIPE)
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return {step["step"]: step for step in map(json.loads, out.splitlines())}


def main() -> None:
    """Build the program unless it is built. `--is-built`: only return by the exit code whether it is."""
    if sys.argv[1:] == ["--is-built"]:
        sys.exit(not place().is_file())
    try:
        print(f"the Rust node: {program()}")
    except Missing as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

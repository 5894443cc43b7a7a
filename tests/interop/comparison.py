"""Makes a page that compares implementations, judged by the present kit.

    python -m tests.interop.comparison FOLDER

FOLDER gets `index.html` and a report for each implementation, to which verdicts link. Each is judged by the command
line. Exit code 1 if one of our nodes deviates, or another one unexpectedly.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.interop.rust_peer import RustNode
from tests.net.ports import kept_address

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "conformance"
COMMAND = str(Path(sys.executable).with_name("ockam-fsm"))
ONE_SIDED = "explicit-persistent-one-sided"
DURATIONS = "negotiation=1,keepalive=0.5,back-off=0.5"
"""Short durations of the judged initiator; the usual ones would take minutes."""

READY_SECONDS = 60.0


@asynccontextmanager
async def our_node() -> AsyncIterator[str]:
    """Run `ockam-fsm node` in a separate process; yield its address."""
    where = kept_address()
    words = (COMMAND, "node", "--listen", where, "--type", ONE_SIDED)
    node = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert node.stdout is not None
    try:
        assert b"ready" in await asyncio.wait_for(node.stdout.readline(), READY_SECONDS)
        yield where
    finally:
        node.terminate()
        await node.wait()


async def judge(folder: Path, name: str, *words: str) -> int:
    """Write the report of one implementation as `name`.json and `name`.html. Return the exit code."""
    print(f"judging {name} ...", flush=True)
    with open(folder / f"{name}.json", "wb") as report:
        command = (COMMAND, "conform", *words, "--json", "--html", str(folder / f"{name}.html"))
        judging = await asyncio.create_subprocess_exec(*command, stdout=report, stderr=subprocess.DEVNULL, cwd=ROOT)
        return await judging.wait()


async def judge_all(folder: Path) -> dict[str, int]:
    """The exit code of each implementation, by name."""
    found = {}
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(our_node())
        rust = await stack.enter_async_context(RustNode(Path(stack.enter_context(TemporaryDirectory()))))
        kit = kept_address()
        calling = f"{COMMAND} session {{route}} --type {ONE_SIDED} --durations {DURATIONS}"
        judged = {
            "ours": (f"tcp://{ours}", "--spawner", "responder", "--echo", "echo", "--profile", "generation"),
            "ours-ockam": (f"tcp://{ours}", "--spawner", "session_spawner", "--echo", "echo"),
            "ours-initiator": (f"tcp://{kit}", "--as", "responder", "--spawner", "door", "--profile", "generation",
                               "--durations", DURATIONS, "--run", calling),
            "rust": (f"tcp://{rust.where}", "--echo", "echo", "--expect", str(EXAMPLES / "ockam-rust.toml")),
        }  # fmt: skip
        if shutil.which("node"):
            program = f"node {EXAMPLES / 'adapter.js'} {EXAMPLES / 'session.js'}"
            judged["javascript"] = ("--pipe", program, "--type", "explicit-transient")
        else:
            print("Left out: the JavaScript end. Node.js is not installed.")
        for name, words in judged.items():
            found[name] = await judge(folder, name, *words)
    return found


def main() -> None:
    """See the module."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(judge_all(folder))
    page = folder / "index.html"
    reports = [f"{name}={folder / name}.json" for name in found]
    subprocess.run([COMMAND, "compare", *reports, "--html", str(page)], check=True)
    print(f"the page: {page}")
    sys.exit(any(found.values()))


if __name__ == "__main__":
    main()

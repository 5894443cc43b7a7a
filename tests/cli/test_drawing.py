"""Drawing: with the system's Graphviz, with the bundled one, with neither; always within a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from ockam_fsm.tools import graphviz
from ockam_fsm.tools.graphviz import RenderingError, render_svg, render_with_program, render_with_wasm

SOURCE = 'digraph { a [label="≥ ü <b>"]; a -> b }'


def program(folder: Path, script: str) -> str:
    """Write a program `dot` that runs `script`, and return its path."""
    file = folder / "dot"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.slow
def test_the_bundled_graphviz_draws_without_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    root = ElementTree.fromstring(render_svg(SOURCE))
    assert "≥ ü <b>" in [
        "".join(t.itertext()).replace("\xa0", " ") for t in root.iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a shell script")
def test_the_program_of_the_system_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, 'read -r line; echo "<svg>$1 $line</svg>"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert render_svg("digraph {}\n") == "<svg>-Tsvg digraph {}</svg>\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a shell script")
def test_an_error_of_the_program_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RenderingError, match=r"cannot read this: syntax error in line 1\.\n.*nothing was drawn"):
        render_with_program(program(tmp_path, "echo syntax error in line 1 >&2; exit 1"), SOURCE)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for dot is a shell script")
def test_a_program_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(RenderingError, match=r"took longer than 0.05 s"):
        render_with_program(program(tmp_path, "while :; do :; done"), SOURCE, limit_seconds=0.05)


def test_a_program_that_does_not_start_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RenderingError, match="does not start"):
        render_with_program(str(tmp_path), SOURCE)


@pytest.mark.slow
def test_invalid_dot_is_refused() -> None:
    with pytest.raises(RenderingError, match="cannot read this"):
        render_with_wasm("digraph { a -")


def instead(monkeypatch: pytest.MonkeyPatch, render: object) -> None:
    monkeypatch.setattr(graphviz, "_instance", lambda: SimpleNamespace(render=render))


def test_a_drawing_that_hangs_is_abandoned_and_no_other_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    instead(monkeypatch, lambda _source, format: str(released.wait(60)).encode())
    monkeypatch.setattr(graphviz._Call, "abandoned", False)
    try:
        with pytest.raises(RenderingError, match=r"took longer than 0.01 s"):
            render_with_wasm(SOURCE, limit_seconds=0.01)
        with pytest.raises(RenderingError, match="still being drawn"):
            render_with_wasm(SOURCE)
    finally:
        released.set()


def test_a_trap_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def trap(_source: str, format: str) -> bytes:
        raise RuntimeError("wasm trap: unreachable")

    instead(monkeypatch, trap)
    with pytest.raises(RenderingError, match="failed: wasm trap: unreachable"):
        render_with_wasm(SOURCE)


def test_without_program_and_runtime_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> object:
        raise ImportError("No module named 'wasmtime'")

    monkeypatch.setattr(graphviz, "_instance", missing)
    with pytest.raises(RenderingError, match="Install the package wasmtime") as caught:
        render_with_wasm(SOURCE)
    assert caught.value.fact.startswith("There is no Graphviz")


@pytest.mark.slow
def test_a_separate_process_draws_and_ends_without_output(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ockam_fsm.cli", "show", "spawner", "--format", "svg"],
        capture_output=True,
        env=os.environ | {"PATH": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"<!-- GENERATED from ockam_fsm/machines/spawner.py; edit the table; drawn from DOT ")
    assert done.stdout.rstrip().endswith(b"</svg>")

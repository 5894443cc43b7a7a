"""Text of a peer is neutral where it is printed, and docstrings are available even where Python strips them."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from ockam_fsm.kernel import text
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.kernel.text import docstring_of, neutral
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind, to_mermaid
from ockam_fsm.projections.sequence_svg import to_svg
from ockam_fsm.projections.sequence_text import to_text
from ockam_fsm.runtime.encoding.message import local

HOSTILE = "\x1b]0;title\x07\x1b[31m\x9b2J\r\x7f\u202eevil\u2066\u200b\ufeff\u2028\U000e0041\ud800"


@pytest.mark.parametrize("given", ["", "hello", "é ∀ 漢字 🙂", "a b", "[red]"])
def test_printable_text_is_unchanged(given: str) -> None:
    assert neutral(given) == given


def test_everything_else_is_escaped() -> None:
    found = neutral(HOSTILE)
    assert found.isprintable()
    assert neutral(found) == found
    for shown in (r"\x1b", r"\x07", r"\x9b", r"\x7f", r"\u202e", r"\u200b", r"\u2028", r"\U000e0041", r"\ud800"):
        assert shown in found
    assert neutral("one\n\ttwo\x1b", "\n\t") == "one\n\ttwo\\x1b"
    assert neutral("one\ntwo") == r"one\ntwo"


def test_addresses_and_errors_of_peers_are_neutral() -> None:
    assert str(local(HOSTILE.encode("utf-8", "surrogatepass"))).isprintable()
    error = RemoteSessionError("reason\n", HOSTILE)
    assert str(error).isprintable()
    assert (error.reason, error.detail) == ("reason\n", HOSTILE)


def test_every_form_of_a_chart_is_neutral() -> None:
    moments = (Moment(MomentKind.MESSAGE, HOSTILE, HOSTILE, "kit"), Moment(MomentKind.NOTE, "", HOSTILE + "\n"))
    chart = Chart("name", HOSTILE, HOSTILE, (HOSTILE, "kit"), moments)
    for shown in (to_text(chart), to_svg(chart, "page"), to_mermaid(chart, "page")):
        assert all(line.isprintable() for line in shown.split("\n"))
        assert "evil" in shown


def test_a_docstring_describes() -> None:
    assert docstring_of(text).startswith("Neutral forms of untrusted text")
    assert docstring_of(docstring_of).startswith("Return the docstring of")


def test_without_docstrings_the_source_is_read() -> None:
    program = "from ockam_fsm.kernel.text import *; print(docstring_of.__doc__, docstring_of(docstring_of)[:20])"
    done = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "None Return the docstring\n"


def test_the_source_is_read_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docstring_of, "__doc__", None)
    monkeypatch.setattr(text, "__doc__", None)
    assert docstring_of(docstring_of).startswith("Return the docstring of")
    assert docstring_of(text).startswith("Neutral forms")
    assert docstring_of(test_addresses_and_errors_of_peers_are_neutral) == ""
    assert docstring_of(ModuleType("nowhere")) == ""

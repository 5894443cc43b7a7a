"""Post-processing of an SVG that Graphviz drew: fonts, colours and the label; the layout stays.

Graphviz as WebAssembly has neither fonts nor HTML-like labels, so a label has one colour and one weight there. Here
each line of a label that starts with a row id gets the colour of its kind, and the id is set bold, as are headings.
The prolog (which names a Graphviz version) is replaced by the label of generated files with a digest of the DOT source:
so a check can detect an outdated picture without drawing it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from html import escape, unescape

from ockam_fsm.projections.styling import generated

SANS = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
MONO = "SFMono-Regular, Menlo, Consolas, Liberation Mono, DejaVu Sans Mono, monospace"

_TEXT = re.compile(r"<text (?P<attributes>[^>]*)>(?P<words>[^<]*)</text>")
_DIGEST = re.compile(r"drawn from DOT ([0-9a-f]{64})")


def digest(dot_source: str) -> str:
    """Return the digest of a DOT source, which its picture carries."""
    return hashlib.sha256(dot_source.encode()).hexdigest()


def digest_in(svg: str) -> str:
    """Return the digest on the first line of a finished picture; empty if there is none."""
    found = _DIGEST.search(svg.partition("\n")[0])
    return found[1] if found else ""


def finish(svg: str, dot_source: str, page: str, inks: Mapping[str, str], headings: Collection[str] = ()) -> str:
    """Return the finished form of an `svg` of Graphviz; `inks` has the colour of a line by its first word."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<!--.*?-->\n?", "", body, flags=re.DOTALL)
    body = body.replace('font-family="Courier,monospace"', f'font-family="{MONO}"')
    body = re.sub(r'font-family="Helvetica[^"]*"', f'font-family="{SANS}"', body)
    body = _TEXT.sub(_Painter(inks, headings), body)
    return f"<!-- {generated(page)}; drawn from DOT {digest(dot_source)} -->\n{body.rstrip()}\n"


class _Painter:
    """Colours one line after the other; an indented line has the colour of the line that it continues."""

    def __init__(self, inks: Mapping[str, str], headings: Collection[str]) -> None:
        self.inks = inks
        self.headings = headings
        self.ink = ""

    def __call__(self, found: re.Match[str]) -> str:
        attributes, words = found["attributes"], unescape(found["words"]).replace("\u00a0", " ")
        first, space, rest = words.partition(" ")
        if words in self.headings:
            return f'<text {attributes} font-weight="bold">{found["words"]}</text>'
        if first:
            self.ink = self.inks.get(first, "")
        if not self.ink:
            return found[0]
        plain = re.sub(r' fill="[^"]*"', "", attributes)
        start = f'<tspan font-weight="bold">{escape(first)}</tspan>' if first else ""
        return f'<text {plain} fill="{self.ink}">{start}{space}{escape(rest)}</text>'

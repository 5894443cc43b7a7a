"""The text of a clause as HTML, for the Markdown that spec/sessions.md uses.

Rule 1: the text is escaped first; then Markdown becomes tags of this module, so no text can contain its own tags.
Rule 2: the number of a clause in the report is a link to it.
Left out: headings, pictures, numbered lists, and links other than to clauses, whose text stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from ockam_fsm.conformance.report.clauses import BY_ID

_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_STRESSED = re.compile(r"(?<![*\w])\*([^*\s][^*]*)\*(?![*\w])")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_NUMBER = re.compile(r"(?<![\w.:/-])(\d{1,2}\.\d{1,2})(?![\w:/-]|\.\d)")
_HOLE = "\x00"
"""The placeholder of code; the specification has no such character."""
_RULE = re.compile(r"^\|[\s:|-]+\|$")


def to_html(text: str) -> str:
    """Markdown as HTML."""
    return "\n".join(_block(block) for block in _blocks(text.replace(_HOLE, "")))


def linked(text: str) -> str:
    """Plain text, escaped, with clause numbers as links."""
    return _NUMBER.sub(_clause_link, escape(text))


def _blocks(text: str) -> Iterator[list[str]]:
    """Paragraphs, lists, tables and fenced code, as lines."""
    block: list[str] = []
    fenced = False
    for line in text.splitlines():
        fence = line.startswith("```")
        if not fenced and block and (fence or not line.strip() or _starts_another(block, line)):
            yield block
            block = []
        if fence or fenced or line.strip():
            block.append(line)
        if fence and fenced:
            yield block
            block = []
        fenced ^= fence
    if block:
        yield block


def _starts_another(block: list[str], line: str) -> bool:
    """Whether a line begins a block without an empty line before it: a list, a table, or a paragraph after a table."""
    return _kind(line) != _kind(block[0]) and not line.startswith(" ") and _kind(line) + _kind(block[0]) != ""


def _kind(line: str) -> str:
    return "list" if line.startswith("* ") else "table" if line.startswith("|") else ""


def _block(lines: list[str]) -> str:
    first = lines[0]
    if first.startswith("```"):
        return f"<pre>{escape(chr(10).join(line for line in lines if not line.startswith('```')))}</pre>"
    if first.startswith("* "):
        return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in _items(lines))}</ul>"
    if first.startswith("|"):
        return f"<table>{''.join(_rows(lines))}</table>"
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("* "):
            items.append(text[2:])
        else:
            items[-1] += f" {text}"
    return items


def _rows(lines: list[str]) -> Iterator[str]:
    has_head = len(lines) > 1 and bool(_RULE.match(lines[1]))
    for number, line in enumerate(lines):
        if number == 1 and has_head:
            continue
        tag = "th" if number == 0 and has_head else "td"
        cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        yield f"<tr>{''.join(f'<{tag}>{_inline(cell)}</{tag}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    """Inline Markdown as HTML. Nothing inside code is markup."""
    codes = _CODE.findall(text)
    html = _stressed(_CODE.sub(_HOLE, text))
    for code in codes:
        html = html.replace(_HOLE, f"<code>{escape(code)}</code>", 1)
    return html


def _stressed(text: str) -> str:
    html = _LINK.sub(r"\1", linked(text))
    return _STRESSED.sub(r"<em>\1</em>", _BOLD.sub(r"<strong>\1</strong>", html))


def _clause_link(found: re.Match[str]) -> str:
    number = found.group(1)
    return f'<a href="#c{number}">{number}</a>' if number in BY_ID else number

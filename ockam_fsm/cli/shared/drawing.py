"""The drawing of pictures with Graphviz, for all commands."""

from __future__ import annotations

from ockam_fsm.cli.app import fail
from ockam_fsm.projections import svg
from ockam_fsm.projections.gallery import Picture
from ockam_fsm.tools.graphviz import RenderingError, render_svg


def svg_of(picture: Picture) -> str:
    """Return `picture` as a finished SVG; fail with the reason if it cannot be drawn."""
    try:
        raw = render_svg(picture.dot)
    except RenderingError as error:
        fail(error.fact, error.remedy)
    return svg.finish(raw, picture.dot, picture.page, picture.inks, picture.headings)

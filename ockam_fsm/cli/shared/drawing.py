"""A picture, drawn: the one place where the commands ask Graphviz."""

from __future__ import annotations

from ockam_fsm.cli.app import fail
from ockam_fsm.projections import svg
from ockam_fsm.projections.gallery import Picture
from ockam_fsm.tools.graphviz import RenderingError, render_svg


def drawn(picture: Picture) -> str:
    """`picture` as a finished SVG; where it cannot be drawn, the command ends and says why."""
    try:
        raw = render_svg(picture.dot)
    except RenderingError as error:
        fail(error.fact, error.remedy)
    return svg.finish(raw, picture.dot, picture.page, picture.inks, picture.headings)

"""How every figure is drawn: colours, type, and the SVG that goes into a page. matplotlib without pyplot.

In the SVG every colour is a CSS variable, so one drawing serves a light page and a dark one. The same figure gives the
same bytes: its ids are salted with its name, and no date is written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import matplotlib.style
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Palette:
    """The five colours of a figure, and those of a family of lines, told apart also by who sees no red or green."""

    ink: str
    muted: str
    grid: str
    accent: str
    paper: str
    lines: tuple[str, ...]


_LINES = ("#0b6e7f", "#c2570c", "#6d4aa8", "#3f7d20", "#b0307a", "#7a6a00")
PRINT = Palette("#1b2329", "#5b6770", "#e3e7ea", "#0b6e7f", "#ffffff", _LINES)
# Colours nobody uses, to be found again in the SVG and replaced by the page's variables.
_SCREEN = Palette(
    "#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", tuple(f"#0a0b1{place}" for place in range(len(_LINES)))
)
_VARIABLES = {
    _SCREEN.ink: "var(--ink)",
    _SCREEN.muted: "var(--muted)",
    _SCREEN.grid: "var(--line)",
    _SCREEN.accent: "var(--accent)",
    _SCREEN.paper: "var(--card)",
    **{colour: f"var(--line-{place + 1})" for place, colour in enumerate(_SCREEN.lines)},
}


@contextmanager
def style(palette: Palette, salt: str) -> Iterator[None]:
    """Draw inside this in the palette's colours, whatever a matplotlibrc says; `salt` makes the ids of an SVG."""
    settings = {
        "font.size": 11, "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": salt,
        "text.color": palette.ink, "axes.labelcolor": palette.muted, "axes.edgecolor": palette.muted,
        "xtick.color": palette.muted, "ytick.color": palette.muted, "xtick.labelsize": 10, "ytick.labelsize": 10,
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.linewidth": 0.8,
        "axes.grid": True, "axes.axisbelow": True, "grid.color": palette.grid, "grid.linewidth": 0.8,
        "xtick.major.size": 0, "ytick.major.size": 0, "axes.facecolor": "none", "figure.facecolor": "none",
        "text.parse_math": False,
    }  # fmt: skip
    with matplotlib.style.context(["default", settings]):
        yield


def svg(name: str, width: int, height: int, alt: str, draw: Callable[[Figure, Palette], None]) -> str:
    """Draw into a figure of so many points and return it as an <svg> element for inlining, titled `alt`."""
    with style(_SCREEN, name):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        draw(figure, _SCREEN)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<style type=\"text/css\">.*?</style>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    opening = f'<svg class="plot" role="img" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">'
    title = f"<title>{escape(alt)}</title>"
    return opening + title + text[text.index(">") + 1 :].strip()


def fitting(text: str, width: float) -> str:
    """Shorten a name in its middle, so that about so many points hold it in the size of a label."""
    most = max(8, int(width / 6))
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"

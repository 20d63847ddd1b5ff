"""Every trial of a search by latency and metric, its front and the chosen points: as SVG for the page, and as PNG.

Upwards is better: a metric of which less is better is drawn with its axis turned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgekit import files
from edgekit.errors import DataError
from edgekit.reporting import plots, search_labels, search_marks
from edgekit.reporting import search_wording as words
from edgekit.reporting.drawing import PRINT, Palette, fitting, style, svg
from edgekit.reporting.search_record import Search
from edgekit.reporting.search_view import ROOMY, View, stopped, view

_LEFT, _RIGHT, _BELOW = 52, 14, 56  # points around the axes
_STRIP = 46  # points of width for the trials that were stopped before anything was timed


def front_svg(search: Search, name: str, width: int) -> str:
    """Return the trials as SVG, `width` points wide; of a search whose trials have no figures ""."""
    if not search.drawn:
        return ""
    height = max(380, round(width * 0.52))
    said = "; ".join(f"trial {trial.number}: {words.point(search, trial, doubt=True)}" for trial in search.on_front())
    chosen = "; ".join(f"{point.name} is trial {point.trial}" for point in search.chosen)

    def draw(figure: Figure, palette: Palette) -> None:
        _draw(figure, search, palette, (width, height), above=34)

    alt = f"Validation {search.metric.name} against latency. The front: {said or 'none'}. Chosen: {chosen or 'none'}."
    return svg(name, width, height, alt, draw)


def write_png(search: Search, path: Path) -> None:
    """Write the trials as PNG of 1600 x 960 pixels, with the finding as its title."""
    if not search.drawn:
        raise DataError(f'search "{search.id}" has nothing to draw yet', "let a trial come to its end first")
    width, height = 800, 480
    with style(PRINT, search.id):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PRINT.paper)
        heading = figure.text(20 / width, 1 - 32 / height, words.headline(search), fontsize=15, weight="bold")
        extent = heading.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        heading.set_fontsize(15 * min(1, (width - 56) / extent.width))  # a few points more at 144 dpi
        how = f"{search.name}  ·  coloured: the front, with 95 % intervals; the others are beaten  ·  areas: file size"
        figure.text(20 / width, 1 - 54 / height, fitting(how, width - 40), fontsize=10, color=PRINT.muted)
        _draw(figure, search, PRINT, (width, height), above=104)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


def _draw(figure: Figure, search: Search, palette: Palette, page: tuple[int, int], above: int) -> None:
    """Draw all of it on a page of so many points, and leave room `above` the axes."""
    width, height = page
    above += 20 if search.teacher and search.teacher.p50_ms else 0
    scores = stopped(search)
    right = _RIGHT + (_STRIP + 8) * bool(scores)
    foot, tall = _BELOW / height, 1 - (_BELOW + above) / height
    axes = figure.add_axes((_LEFT / width, foot, 1 - (_LEFT + right) / width, tall))
    seen = view(search, width)
    _scales(axes, search, seen)
    _captions(axes, search, seen, width, palette)
    marks = search_marks.lines(axes, search, seen, palette) + search_marks.trials(axes, search, seen, palette)
    if scores:
        beside = figure.add_axes((1 - (_RIGHT + _STRIP) / width, foot, _STRIP / width, tall), sharey=axes)
        search_marks.strip(beside, scores, seen, palette)
    search_labels.sizes(figure, seen.size, seen.largest, palette, page)
    search_labels.names(figure, axes, marks, search_marks.steps(search, seen), palette, short=width < ROOMY)


def _scales(axes: Any, search: Search, seen: View) -> None:
    axes.set_xscale("log")
    axes.set_xlim(seen.left, seen.right)
    axes.set_ylim(seen.bottom, seen.top)
    axes.xaxis.set_major_locator(LogLocator(subs=_subs(seen)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plots.mark(value, search.shown)))


def _subs(seen: View) -> tuple[float, ...]:
    span = seen.right / seen.left
    return (1, 1.5, 2, 3, 5, 7) if span < 6 else (1, 2, 5) if span < 200 else (1,)


def _captions(axes: Any, search: Search, seen: View, width: int, palette: Palette) -> None:
    """Say what stands at the axes; over the plot how many times as fast as the teacher that is."""
    axes.set_xlabel(f"← faster  ·  p50 latency, {words.unit(search).name}", labelpad=8, loc="left")
    teacher = search.teacher.p50_ms if search.teacher else None
    put = {"xycoords": "axes fraction", "textcoords": "offset points", "color": palette.muted, "fontsize": 10}
    above = 10 + 20 * (teacher is not None)
    name = fitting(f"validation {search.metric.name}", 0.5 * width)
    axes.annotate(name, (0, 1), xytext=(-6, above), **put)
    if teacher is None:
        return
    scale = seen.x(teacher)
    upper = axes.secondary_xaxis("top", functions=(lambda x: scale / np.maximum(x, 1e-12),) * 2)
    upper.xaxis.set_major_locator(LogLocator(subs=_subs(seen)))
    upper.xaxis.set_minor_locator(NullLocator())
    upper.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}×"))
    upper.spines["top"].set_visible(False)
    upper.tick_params(labelsize=9.5, pad=1)
    told = "speed-up over the teacher" if width >= ROOMY else "speed-up"
    axes.annotate(told, (1, 1), xytext=(0, above), ha="right", **put)

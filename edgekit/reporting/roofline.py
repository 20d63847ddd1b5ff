"""A model's nodes under the machine's roofs: what they reach, against how much they do with each byte. SVG and PNG.

Williams, Waterman and Patterson (2009): a flat roof is what the processor computes at most, a slanted one what a memory
feeds it. How big a node is drawn says how much of the time it takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from edgekit import files
from edgekit.errors import DataError
from edgekit.reporting.drawing import PRINT, Palette, style, svg
from edgekit.reporting.placing import Box, Point, place
from edgekit.reporting.wording import significant

_LARGEST = 24.0  # radius in points of a node that takes all the time; areas are in proportion
_SMALLEST = 3.0
_SHOWN = 0.01  # the share of the time from which on a node is drawn
_NAMED = 0.04  # the share of the time that nodes in one place take together, from which on they are named
_NEAR = 18.0  # points within which nodes are in one place
_NARROW = 500  # points, below which less is named
_LINE = 4.0  # points that a roof keeps free of names on either side
_BESIDE = 8.0  # points from its marker on, to where a line leads to a name
_STAR = 8.0  # radius in points


def roofline_svg(profile: Mapping[str, Any], ceilings: Mapping[str, Any], name: str, width: int) -> str:
    """Return the roofline of one profile as SVG, `width` points wide; "" where no node of it can be placed.

    `name` keeps its ids apart from those of other figures.
    """
    spots = _spots(profile)
    if not spots:
        return ""
    height = max(320, round(width * 0.5))
    told = "; ".join(
        f"{spot.name}: {significant(spot.y)} GFLOP/s, {100 * spot.share:.0f} % of the time" for spot in spots
    )

    def draw(figure: Figure, palette: Palette) -> None:
        figure.subplots_adjust(left=50 / width, right=1 - 14 / width, bottom=46 / height, top=1 - 26 / height)
        _roofline(figure, spots, ceilings, palette)

    return svg(name, width, height, f"Roofline. {told}.", draw)


def write_png(profile: Mapping[str, Any], ceilings: Mapping[str, Any], path: Path, title: str) -> None:
    """Write the roofline of one profile as PNG of 1600 x 900 pixels. DataError where no node of it can be placed."""
    spots = _spots(profile)
    if not spots:
        raise DataError(f'of "{title}" no node can be placed under the roofs', "profile a model that multiplies")
    width, height = 800, 450
    with style(PRINT, title):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PRINT.paper)
        figure.subplots_adjust(left=54 / width, right=1 - 20 / width, bottom=50 / height, top=1 - 88 / height)
        figure.text(20 / width, 1 - 34 / height, title, fontsize=15.5, weight="bold")
        how = "marker area: share of the time, from 1 % on  ·  star: the whole model  ·  hollow: 8 bits"
        figure.text(20 / width, 1 - 55 / height, how, fontsize=10.5, color=PRINT.muted)
        _roofline(figure, spots, ceilings, PRINT)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


@dataclass(frozen=True)
class _Spot:
    """A node, or the whole model: operations for each byte, GFLOP/s, its share of the time."""

    name: str
    x: float
    y: float
    share: float
    int8: bool = False
    whole: bool = False

    @property
    def radius(self) -> float:
        return _STAR if self.whole else max(_SMALLEST, _LARGEST * math.sqrt(min(self.share, 1.0)))


def _spots(profile: Mapping[str, Any]) -> list[_Spot]:
    found = [
        _Spot(
            node["label"],
            2 * node["macs"] / node["bytes"],
            node["gflops"],
            node["share"],
            node["int8"],
        )
        for node in profile["nodes"]
        if node["macs"] and node["bytes"] and node["gflops"] and node["share"] >= _SHOWN
    ]
    work = profile["work"]
    moved = work["weights"] + work["values"]
    if found and moved:
        rate = 2e-3 * work["macs"] / profile["p50_us"]
        found.append(_Spot("the whole model", 2 * work["macs"] / moved, rate, 1.0, whole=True))
    return found


def _roofs(
    spots: Sequence[_Spot], ceilings: Mapping[str, Any]
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Return the flat roofs in GFLOP/s and the slanted ones in GB/s, each with its name."""
    flat = [("fp32", float(ceilings["fp32_gflops"]["value"]))]
    if any(spot.int8 for spot in spots):
        flat.append(("int8", float(ceilings["int8_gops"]["value"])))
    slanted = [
        ("cache", float(ceilings["bandwidths"][0]["value"])),
        ("memory", float(ceilings["bandwidth_gbs"]["value"])),
    ]
    return flat, slanted


def _roofline(figure: Figure, spots: Sequence[_Spot], ceilings: Mapping[str, Any], palette: Palette) -> None:
    axes = figure.add_subplot()
    flat, slanted = _roofs(spots, ceilings)
    top = max(value for _, value in flat)
    _scales(axes, spots, top, slanted)
    axes.set_xlabel("operations for each byte", labelpad=8)
    axes.text(0, 1.03, "GFLOP/s", transform=axes.transAxes, color=palette.muted, fontsize=10)
    left, right = axes.get_xlim()
    lines = [[(peak / slanted[0][1], peak), (right, peak)] for _, peak in flat]
    lines += [[(left, left * rate), (top / rate, top)] for _, rate in slanted]
    for line in lines:
        axes.plot(*zip(*line, strict=True), color=palette.muted, linewidth=1.2, zorder=1)
    for spot in spots:
        colour = palette.ink if spot.whole else palette.accent
        axes.scatter(
            spot.x, spot.y, marker="*" if spot.whole else "o", zorder=4 if spot.whole else 3,
            s=4 * _STAR**2 if spot.whole else math.pi * spot.radius**2, linewidth=1.2,
            facecolor=palette.paper if spot.int8 else colour, edgecolor=colour if spot.int8 else palette.paper,
        )  # fmt: skip
    names = _Names(figure, axes, palette)
    names.obstacles += [names.around((spot.x, spot.y), spot.radius) for spot in spots]
    names.flat(flat, slanted[0][1])
    names.slanted(slanted, flat[0][1])
    for start, end in lines:
        names.keep_off(start, end)
    names.spots(spots)


def _scales(axes: Any, spots: Sequence[_Spot], top: float, slanted: Sequence[tuple[str, float]]) -> None:
    """Have all nodes and the ridge of every roof in the frame."""
    ridges = [top / rate for _, rate in slanted]
    xs, ys = [*ridges, *(spot.x for spot in spots)], [top, *(spot.y for spot in spots)]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(xs) / 4, max(xs) * 4)
    axes.set_ylim(min(*ys, top / 10) / 4, max(ys) * 2.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


class _Names:
    """Writes names where they cover nothing; `obstacles`, in points, are what is there already."""

    def __init__(self, figure: Figure, axes: Any, palette: Palette) -> None:
        self.figure, self.axes, self.palette = figure, axes, palette
        self.canvas = FigureCanvasAgg(figure)
        self.canvas.draw()
        self.to_page, self.frame = axes.transData.transform, axes.get_window_extent()
        self.to_figure = figure.transFigure.inverted().transform
        self.obstacles: list[Box] = []

    def around(self, place: tuple[float, float], reach: float) -> Box:
        """Return the box around a place in the axes' units, reaching so many points."""
        x, y = self.to_page(place)
        return Box(x - reach, y - reach, x + reach, y + reach)

    def keep_off(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Keep names off a line, in the axes' units."""
        one, other = self.to_page([start, end])
        parts = max(1, round(math.dist(one, other) / (2 * _LINE)))
        for part in range(parts + 1):
            x, y = one + (other - one) * part / parts
            self.obstacles.append(Box(x - _LINE, y - _LINE, x + _LINE, y + _LINE))

    def write(self, said: str, x: float, y: float, **how: Any) -> Any:
        """Write a text at a place in points."""
        x, y = self.to_figure((x, y))
        return self.figure.text(x, y, said, fontsize=9.5, **{"color": self.palette.muted, **how})

    def box(self, text: Any) -> Box:
        """Return the room a text takes."""
        extent = text.get_window_extent(self.canvas.get_renderer())
        return Box(extent.x0, extent.y0, extent.x1, extent.y1)

    def flat(self, roofs: Sequence[tuple[str, float]], ridge: float) -> None:
        """Write the names of flat roofs above their right ends, or where a marker is there above their left ones.

        `ridge`: the GB/s of the roof that they begin at.
        """
        for kind, peak in roofs:
            left, height = self.to_page((peak / ridge, peak))
            said = f"{kind} {significant(peak)} {'GOP/s' if kind == 'int8' else 'GFLOP/s'}"
            text = self.write(said, self.frame.x1 - 2, height + 3, ha="right", va="bottom")
            right = self.box(text)
            if self._covered(right):
                text.set(x=self.to_figure((left + 10, 0))[0], ha="left")
                if self._covered(self.box(text)) > self._covered(right):
                    text.set(x=self.to_figure((right.right, 0))[0], ha="right")
            self.obstacles.append(self.box(text))

    def _covered(self, box: Box) -> float:
        return sum(box.overlap(other) for other in self.obstacles)

    def slanted(self, roofs: Sequence[tuple[str, float]], peak: float) -> None:
        """Write the names of slanted roofs on them, where they enter the frame, turned as they are."""
        for kind, rate in roofs:
            low = max(self.axes.get_xlim()[0], self.axes.get_ylim()[0] / rate)
            start, end = self.to_page([(low, low * rate), (peak / rate, peak)])
            angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
            x, y = start + 0.05 * (end - start)
            turned = {"rotation": angle, "rotation_mode": "anchor", "ha": "left", "va": "bottom"}
            self.obstacles.append(self.box(self.write(f"{kind} {significant(rate)} GB/s", x, y, **turned)))

    def spots(self, spots: Sequence[_Spot]) -> None:
        """Write beside their markers the whole model, and the nodes in each place that takes much of the time."""
        few, widest = (2, 12) if self.figure.bbox.width < _NARROW else (5, 24)  # places named, characters of a name
        groups = [group for group in self._places(spots) if sum(spot.share for spot in group) >= _NAMED][:few]
        points, texts = [], []
        for group in [[spot] for spot in spots if spot.whole] + groups:
            spot = group[0]
            name = spot.name if len(spot.name) <= widest or spot.whole else f"…{spot.name[1 - widest :]}"
            more = f" +{len(group) - 1}" if len(group) > 1 else ""
            said = name if spot.whole else f"{name}{more}, {100 * sum(one.share for one in group):.0f} %"
            weight = "bold" if spot.whole else "normal"
            text = self.write(said, 0, 0, ha="center", va="center", weight=weight, color=self.palette.ink, zorder=5)
            room = self.box(text)
            x, y = self.to_page((spot.x, spot.y))
            width, height = room.right - room.left + 4, room.top - room.bottom + 2
            points.append(Point(x, y, spot.radius, width, height, y - spot.radius, y + spot.radius))
            texts.append(text)
        bounds = Box(self.frame.x0, self.frame.y0 + 3, self.frame.x1, self.frame.y1)
        boxes = place(points, self.obstacles, bounds)
        for text, point, box in zip(texts, points, boxes, strict=True):
            x, y = self.to_figure(((box.left + box.right) / 2, (box.bottom + box.top) / 2))
            text.set_position((x, y))
            if not self._leads(point, box, [other for other in boxes if other is not box]):
                text.remove()  # one could not tell what it belongs to

    def _leads(self, point: Point, box: Box, others: Sequence[Box]) -> bool:
        """Draw a line from a marker to a name that stands apart; False where it would cross another name."""
        x, y = box.nearest(point.x, point.y)
        apart = math.dist((point.x, point.y), (x, y))
        if apart <= point.radius + _BESIDE:
            return True
        steps = [step / apart for step in range(round(point.radius) + 2, round(apart), 2)]
        line = [(point.x + step * (x - point.x), point.y + step * (y - point.y)) for step in steps]
        if any(other.holds(*spot) for other in others for spot in line):
            return False
        ends = self.to_figure([line[0], line[-1]])
        self.figure.add_artist(Line2D(ends[:, 0], ends[:, 1], color=self.palette.muted, linewidth=0.7))
        return True

    def _places(self, spots: Sequence[_Spot]) -> list[list[_Spot]]:
        """Put nodes that are drawn in one place together, the slowest of them first; the slowest place first."""
        found: list[list[_Spot]] = []
        for spot in sorted((spot for spot in spots if not spot.whole), key=lambda spot: -spot.share):
            at = self.to_page((spot.x, spot.y))
            near = [g for g in found if math.dist(at, self.to_page((g[0].x, g[0].y))) < _NEAR]
            if near:
                near[0].append(spot)
            else:
                found.append([spot])
        return sorted(found, key=lambda group: -sum(spot.share for spot in group))

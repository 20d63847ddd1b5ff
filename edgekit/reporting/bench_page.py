"""Writes the page of a measurement: records on one page that needs nothing else, good enough to put before a customer.

One file: styles and plots are inside, no script runs, nothing is fetched (the page forbids it to itself). What a record
says of itself is escaped by jinja2; only the plots go in as they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import __version__, files
from edgekit.extras import need
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import bench_tables, bench_wording, templates

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE = "bench.html.j2"
_WIDE, _NARROW = 860, 350  # points; the page shows one or the other
_LINES = 6  # colours that tell records apart


def write(standing: Standing, path: Path) -> None:
    """Write the page of `standing` to `path`."""
    need("matplotlib", "making a page")
    environment = templates.environment()
    environment.filters["breakable"] = breakable
    text = environment.get_template(_TEMPLATE).render(**_said(standing), plots=_plots(standing))
    files.write_text(path, text)


def breakable(name: str) -> Markup:
    """Escape a name, and let a line break after its dots, dashes and slashes, where it must."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([._/-]+)", r"\1<wbr>", str(escape(name))))


def _said(standing: Standing) -> dict[str, Any]:
    """Everything the template says that is not a plot."""
    entries = [row.entry for row in standing.rows]
    origins = {name: bench_wording.origin(record) for name, record in standing.records.items()}
    return {
        "headline": bench_wording.headline(standing),
        "several": len(standing.records) > 1,
        "baseline": standing.baseline,
        "origins": origins,
        "colours": {name: place % _LINES + 1 for place, name in enumerate(standing.records)},
        "shared": bench_wording.shared(entries),
        "unit": bench_wording.unit(entries),
        "rows": bench_tables.rows(standing),
        "costs": bench_tables.costs(standing),
        "profiles": bench_tables.profiles(standing),
        "notes": bench_wording.doubts(standing),
        "facts": {name: bench_wording.facts(record) for name, record in standing.records.items()},
        "version": __version__,
    }


def _plots(standing: Standing) -> dict[str, Any]:
    from markupsafe import Markup

    from edgekit.reporting import bench_curves, bench_plots

    unit = bench_wording.unit([row.entry for row in standing.rows])
    curves = bench_curves.percentile_panels(standing)
    sizes = {"wide": (_WIDE, 2), "narrow": (_NARROW, 1)}
    found: dict[str, Any] = {}
    for size, (width, columns) in sizes.items():
        found[f"spread_{size}"] = bench_plots.spread_svg(standing, f"spread-{size}", width)
        found[f"curves_{size}"] = bench_curves.percentiles_svg(curves, unit, f"curves-{size}", width, columns)
        for key in ("batch", "threads"):
            panels = bench_curves.sweep_panels(standing, key)
            found[f"{key}_{size}"] = bench_curves.sweep_svg(panels, key, f"{key}-{size}", width) if panels else ""
        loads = bench_curves.load_panels(standing)
        found[f"loads_{size}"] = bench_curves.loads_svg(loads, f"loads-{size}", width) if loads else ""
        for profile in bench_tables.profiles(standing):
            place = profile["place"]
            found[f"roofline_{place}_{size}"] = _roofline(standing.rows[place], standing, f"roof-{place}-{size}", width)
    return {name: Markup(text) for name, text in found.items()} | {"left_out": len(standing.rows) - bench_plots.MOST}


def _roofline(row: Row, standing: Standing, name: str, width: int) -> str:
    from edgekit.reporting import roofline

    ceilings = (standing.records[row.record].ceilings or {}).get(str(row.entry.threads))
    return roofline.roofline_svg(row.entry.profile, ceilings, name, width) if row.entry.profile and ceilings else ""

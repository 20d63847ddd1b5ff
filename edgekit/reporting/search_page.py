"""Writes search.html: what a search tried and what it found, on one page that needs nothing else.

One file: styles and plots are inside, no script runs, nothing is fetched (the page forbids it to itself). What a record
says of itself is escaped by jinja2; only the plots go in as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit import __version__, console, files
from edgekit.extras import need
from edgekit.reporting import (
    bench_wording,
    search_effects,
    search_record,
    search_tables,
    search_view,
    templates,
    wording,
)
from edgekit.reporting import search_wording as words
from edgekit.reporting.bench_page import breakable
from edgekit.reporting.page import unbroken
from edgekit.reporting.search_effects import Effect
from edgekit.reporting.search_record import Search

FILE = "search.html"
_TEMPLATE = "search.html.j2"
_WIDE, _NARROW = 860, 350  # points; the page shows one or the other
_COLUMNS = {"wide": 3, "narrow": 1}


def write(folder: Path) -> Path:
    """Make search.html from search.json in `folder`, and return its path.

    A search that is at work or was stopped gets a page too. Raises DataError where search.json is absent or damaged.
    """
    search = search_record.read(folder)
    need("matplotlib", "making a page")
    effects = search_effects.effects(search)
    environment = templates.environment()
    shared = (breakable, unbroken, console.duration)
    environment.filters.update({function.__name__: function for function in shared})
    text = environment.get_template(_TEMPLATE).render(**_said(search, folder, effects), plots=_plots(search, effects))
    path = folder / FILE
    files.write_text(path, text)
    return path


def _said(search: Search, folder: Path, effects: list[Effect]) -> dict[str, Any]:
    """Everything the template says that is not a plot."""
    front = search_tables.front(search)
    scored = [trial for trial in search.drawn if trial.number not in search.front]
    varied = len(words.searched(search))
    return {
        "search": search,
        "version": __version__,
        "headline": words.headline(search),
        "created": bench_wording.moment(search.created),
        "tried": words.trials(len(search.trials)),
        "varied": f"{varied} setting{'s' if varied != 1 else ''}",
        "outcomes": words.outcomes(search),
        "limits": words.limits(search),
        "again": words.again(search),
        "direction": wording.direction(search.shown),
        "unit": words.unit(search),
        "n": next((trial.n for trial in search.drawn if trial.n), search.data.get("validation")),
        "front": front,
        "shared": search_tables.shared(search),
        "speedups": any(trial.speedup for trial in search.drawn),
        "beaten": any(trial.state != "infeasible" for trial in scored),
        "outside": any(trial.state == "infeasible" for trial in scored),
        "stopped": any(trial.state == "stopped" for trial in search.trials),
        "beyond": search_view.beyond(search),
        "chosen": search_tables.chosen(search, folder),
        "space": search_tables.space(search),
        "facts": search_tables.facts(search),
        "trials": search_tables.trials(search),
        "not_drawn": search_effects.left_out(search, effects),
    }


def _plots(search: Search, effects: list[Effect]) -> dict[str, Any]:
    from markupsafe import Markup

    from edgekit.reporting import search_plots, search_ranges

    found: dict[str, Any] = {}
    for size, width in (("wide", _WIDE), ("narrow", _NARROW)):
        found[f"front_{size}"] = Markup(search_plots.front_svg(search, f"front-{size}", width))
        ranges = search_ranges.ranges_svg(search, effects, f"ranges-{size}", width, _COLUMNS[size])
        found[f"ranges_{size}"] = Markup(ranges)
    return found

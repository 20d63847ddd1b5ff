"""What `bench` and `compare` show: a single record on the terminal, a page, and a picture of its main plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import UsageError

if TYPE_CHECKING:
    from edgekit.latency.standing import Standing


def print_single(standing: Standing) -> None:
    """Print what the only record of `standing` says: latencies or loads, costs, limits, and doubts."""
    from edgekit.commands import latencies, profile_table, under_load

    (record,) = standing.records.values()
    if any(entry.loads for entry in record.models):
        under_load.print_loads(record)
    else:
        latencies.print_latencies(standing)
    latencies.print_costs(record)
    profile_table.print_limits(record)
    latencies.print_notes(standing)


def check(page: str | None, png: str | None) -> None:
    """Refuse, before anything is measured, a file whose name promises something else, and packages that are absent."""
    from edgekit.extras import need
    from edgekit.measuring.journal import check_place

    for name, suffixes, what in ((page, (".html", ".htm"), "page"), (png, (".png",), "picture")):
        if name is None:
            continue
        if Path(name).suffix.lower() not in suffixes:
            raise UsageError(f'the {what} is named "{name}"', f"name it FILE{suffixes[0]}")
        check_place(Path(name))
        need("matplotlib", f"drawing a {what}")
    if page:
        need("jinja2", "making a page")


def show(standing: Standing, page: str | None, png: str | None) -> list[str]:
    """Write what was asked for; return a line for each file."""
    told = []
    if page:
        from edgekit.reporting import bench_page

        bench_page.write(standing, Path(page))
        told.append(f"page: {page}")
    if png:
        from edgekit.reporting import bench_plots

        bench_plots.write_png(standing, Path(png))
        told.append(f"picture: {png}")
    return told

"""What `bench` and `compare` can draw: a page, and a picture of its main plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import UsageError

if TYPE_CHECKING:
    from edgekit.latency.standing import Standing


def check(page: str | None, png: str | None) -> None:
    """Refuse, before anything is measured, a file whose name promises something else, and packages that are absent."""
    from edgekit.extras import need

    for name, suffixes, what in ((page, (".html", ".htm"), "page"), (png, (".png",), "picture")):
        if name is None:
            continue
        if Path(name).suffix.lower() not in suffixes:
            raise UsageError(f'the {what} is named "{name}"', f"name it FILE{suffixes[0]}")
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

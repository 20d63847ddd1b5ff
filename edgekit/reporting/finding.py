"""Finds the run a person means. Standard library only."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import DataError, nearest

RUNS = Path("runs")
_RECORD = "run.json"


def find(run: str) -> Path:
    """Return the run folder that `run` means: a run's own folder, or a recipe's name for its newest run."""
    for folder in (Path(run), RUNS / run):
        if (folder / _RECORD).is_file():
            return folder
        inside = list(folder.glob(f"*/{_RECORD}"))
        if inside:
            return max(inside, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    known = sorted({path.parent.parent.name for path in RUNS.glob(f"*/*/{_RECORD}")})
    if known:
        near = nearest(run, known)
        hint = f'did you mean "{near}"?' if near else f"there are runs of {', '.join(known)}"
    else:
        hint = "edgekit distill RECIPE makes one"
    raise DataError(f'there is no run "{run}", neither as a folder nor under "{RUNS}"', hint)

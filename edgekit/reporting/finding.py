"""Finds the run or the search a person means. Standard library only."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import DataError, nearest

RUNS = Path("runs")
_RECORD, _SEARCH = "run.json", "search.json"


def find(run: str) -> Path:
    """Return the folder that `run` means: a run's or a search's own, or a recipe's name for its newest run.

    A recipe that was only searched has no run yet: its name means its newest search.
    """
    for folder in (Path(run), RUNS / run):
        if is_search(folder) or (folder / _RECORD).is_file():
            return folder
        for record in (_RECORD, _SEARCH):
            if inside := list(folder.glob(f"*/{record}")):
                return max(inside, key=lambda path: (path.stat().st_mtime_ns, path)).parent
    known = sorted({path.parent.parent.name for record in (_RECORD, _SEARCH) for path in RUNS.glob(f"*/*/{record}")})
    if known:
        near = nearest(run, known)
        hint = f'did you mean "{near}"?' if near else f"there are runs of {', '.join(known)}"
    else:
        hint = "edgekit distill RECIPE makes one"
    raise DataError(f'there is no run "{run}", neither as a folder nor under "{RUNS}"', hint)


def is_search(folder: Path) -> bool:
    """Tell whether a folder is that of a search, which holds the runs of its trials."""
    return (folder / _SEARCH).is_file()

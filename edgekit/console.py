"""What a person sees: lines and progress on stderr, results on stdout. rich is imported when first used.

A verb prints its result once, at its end: `table` for people, or one JSON document on the last line of stdout where
`--json` was given. Everything else goes to stderr, so that a pipe gets the result alone. Of several processes that
train together the first alone is heard.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from edgekit import processes

_QUIET_EVERY = 10.0  # seconds between lines where stderr is no terminal


def say(text: str = "") -> None:
    """Print a line of news to stderr."""
    if processes.own().leads:
        print(text, file=sys.stderr, flush=True)


def answer(text: str) -> None:
    """Print a line of the result to stdout."""
    print(text, flush=True)


def piece(text: str) -> None:
    """Print a part of the result to stdout, at once, on the line that it goes on."""
    print(text, end="", flush=True)


def result(value: Any) -> None:
    """Print `value` as one line of JSON to stdout: the last line of a verb with --json."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, left: int = 1) -> None:
    """Print a table to stdout; the first `left` columns are flush left, the others right. No cell is cut short."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else 200
    console = Console(file=sys.stdout, width=width, highlight=False)
    drawn = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="left" if index < left else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


class Bar:
    """One piece of work: how much of it is done, a few figures, the time left."""

    def __init__(self, name: str, total: int) -> None:
        self.name = name
        self.total = max(total, 1)
        self._began = self._said = time.monotonic()
        self._first = 0

    def begin_at(self, done: int) -> None:
        """Say that `done` was done before: time left is told from what is done now."""
        self._first = done

    def update(self, done: int, note: str = "") -> None:
        """Tell that `done` of the total is done; a line every ten seconds."""
        now = time.monotonic()
        ended = done >= self.total and now - self._began >= 1  # what takes less is no news
        if ended or now - self._said >= _QUIET_EVERY:
            self._said = now
            say(f"{self.name}: {100 * done // self.total} %  {note}  {self._left(done)}".rstrip())

    def _left(self, done: int) -> str:
        gone = time.monotonic() - self._began
        if done >= self.total:
            return f"done in {duration(gone)}"
        fresh = done - self._first
        return f"{duration(gone / fresh * (self.total - done))} left" if fresh > 0 else ""


class _LiveBar(Bar):
    """The same, drawn in place on a terminal."""

    def __init__(self, name: str, total: int, progress: Any) -> None:
        super().__init__(name, total)
        self._progress = progress
        self._task = progress.add_task(name, total=self.total, note="", left="")

    def update(self, done: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note, left=self._left(done))


@contextlib.contextmanager
def bar(name: str, total: int) -> Iterator[Bar]:
    """Show progress over `total` steps: in place on a terminal, else as a line now and then."""
    if not sys.stderr.isatty() or not processes.own().leads:
        yield Bar(name, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.description:<28}", markup=False),
        BarColumn(24),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}  {task.fields[left]}", markup=False),
        console=Console(stderr=True),
        transient=False,
    )
    with progress:
        yield _LiveBar(name, total, progress)


def duration(seconds: float) -> str:
    """Write a time as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float) -> str:
    """Write a number of bytes as people say it: 812 B, 41.2 KB, 2.8 MB (powers of 1,000)."""
    return f"{count:.0f} B" if count < 1000 else _scaled(count, ("KB", "MB", "GB"))


def number(count: float) -> str:
    """Write a large count shortly: 950, 78.3 K, 4.7 M, 1.2 G."""
    return f"{count:.0f}" if count < 1000 else _scaled(count, ("K", "M", "G"))


def _scaled(count: float, units: Sequence[str]) -> str:
    power = 1
    while power < len(units) and count / 1000**power >= 999.95:  # what would be written as 1000.0
        power += 1
    return f"{count / 1000**power:.1f} {units[power - 1]}"

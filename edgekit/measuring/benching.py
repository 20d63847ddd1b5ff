"""`edgekit.bench` for notebooks: models and functions timed side by side, as the verb does it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.errors import UsageError
from edgekit.latency.record import Record
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.feeds import Ranges
from edgekit.measuring.journal import check_place
from edgekit.measuring.subjects import Subject, of_call, of_onnx
from edgekit.measuring.sweep import Sweep

EACH = 3.0  # seconds for each cell, where nothing else is said
Timed = str | Path | Callable[[], object] | Subject


def bench(
    models: Mapping[str, Timed],
    *,
    device: str | Sequence[str] = "cpu",
    threads: int | Sequence[int] = 1,
    batch: int | Sequence[int] | None = None,
    shapes: Sequence[str] = (),
    inputs: Mapping[str, np.ndarray] | None = None,
    ranges: Ranges | None = None,
    seconds: float | None = None,
    costs: bool = True,
    ceilings: bool = False,
    profile: bool = False,
    output: str | Path | None = None,
    seed: int = 0,
) -> Record:
    """Time `models` side by side, each in every setting, and return the record, which is also written to `output`.

    `models`: by name a bundle or ONNX file, or a function without arguments: `{"onnx": "net.onnx", "eager": lambda:
    net(x)}`. `device`, `threads`, `batch`: one or several. `shapes`: lines such as "tokens=1,128" or "length=16,64".
    `inputs`: arrays to feed by name; `ranges`: the least and greatest value of an input that is made up. `seconds`: for
    all together; 3 for each where left out. `costs`: load time, memory and energy are found, too; `ceilings`: how near
    the machine's limits each runs; `profile`: the time by node. `output`: a new file
    in runs/bench where left out; where it names a measurement that was cut off, that is gone on with.

    The first model is what `edgekit.latency.comparison.speedup(entry.samples, first.samples)` compares with. Raises
    EdgekitError where a model is damaged, or runs in none of the settings.
    """
    if not models:
        raise UsageError("there is no model to time")
    path = Path(output) if output else new_record()
    check_place(path)
    subjects = [_subject(name, each) for name, each in models.items()]
    asked = Asked(
        devices=[device] if isinstance(device, str) else device,
        threads=[threads] if isinstance(threads, int) else threads,
        batches=[batch] if batch is None or isinstance(batch, int) else batch,
        shapes=shapes,
        arrays=inputs or {},
        ranges=ranges or {},
        seed=seed,
    )
    cells, notes = lay_out(subjects, asked)
    seconds = seconds or EACH * len(cells)
    return Sweep(cells, path, seconds, notes, costs, seed, limits=ceilings, profiled=profile).measure()


def new_record() -> Path:
    """Return where a record goes that was given no place."""
    return Path("runs/bench") / f"{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S-%f}.json"


def _subject(name: str, given: Timed) -> Subject:
    if isinstance(given, Subject):
        return given
    return of_onnx(name, Path(given)) if isinstance(given, (str, Path)) else of_call(name, given)

"""From a bundle to the session settings that are fastest for it on this machine, written where `edgekit.load` looks."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files, locks
from edgekit.errors import BundleError, DeviceError, EdgekitError, UsageError
from edgekit.graph import lookups, storage
from edgekit.latency import comparison
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine
from edgekit.latency.notes import Note
from edgekit.measuring.batches import Batches, best
from edgekit.measuring.feeds import parse_shapes, random_feeds
from edgekit.measuring.searching import DEFAULT, Search, changes, search, turns_needed
from edgekit.measuring.turns import Turns
from edgekit.runtime import tuned
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.runtime.session import Session, open_session
from edgekit.runtime.threads import usable
from edgekit.runtime.tuned import Tuned

_SEARCH_SHARE = 0.85  # of the time; the rest goes to what a Batcher joins


class Tuning:
    """A bundle ready to be tuned: opened, fed, and its possible changes known.

    `threads` None leaves their number to the search; `batch` and `shapes` (lines such as `tokens=1,128`) are those of
    the feeds that are made up. `path`: the file to be written; `tried`: the changes. BundleError for a bare ONNX file,
    DeviceError for another device than the processor.
    """

    def __init__(
        self,
        bundle: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        batch: int = 1,
        shapes: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        if device != "cpu":
            raise DeviceError(
                f'tuning searches settings of the processor, and device "{device}" has others',
                "leave --device out; options= of edgekit.load takes those of a provider",
            )
        model = load(bundle, threads=threads, tuned=False)
        if model.manifest is None:
            raise BundleError(
                f'"{bundle}" is a bare file: settings are kept for bundles, by the hash in their manifest',
                "edgekit export makes a bundle",
            )
        self.name, self.batch, self.threads, self._seed = model.name, batch, threads, seed
        self._manifest = model.manifest
        self._file = bundle / model.manifest.model
        inputs = model.session.inputs
        sizes, *others = parse_shapes(shapes, inputs)
        if others:
            raise UsageError(f"{1 + len(others)} shapes were given, and settings are found for one", "tune one by one")
        rows = lookups.rows(storage.load(self._file, weights=False)) if self._file.suffix == ".onnx" else None
        self.feeds = random_feeds(inputs, batch, sizes, seed, rows=rows)
        self._expected = model.session.run(self.feeds)
        model.close()
        digest = str(model.manifest.files[model.manifest.model]["sha256"])
        here = tuned.facts(threads)
        self.of = {"model": digest, **here}
        self.path = Path(tuned.place(str(files.home() / "tuned" / digest[:16]), here))
        self.tried = changes(threads or usable(), fixed=threads is not None)

    def open(self, setting: Tuned) -> Session:
        """Open a session of its own with a setting."""
        return open_session(self._file, threads=setting.threads or self.threads, tuned=setting)

    def run(self, seconds: float, progress: Callable[[float], None] = lambda seconds: None) -> dict[str, Any]:
        """Search for `seconds` while no other process of edgekit uses the processor; return what is to be written.

        Where the time does not suffice for all changes the first are tried; UsageError where not even one could be.
        """
        device = locks.Device("cpu")
        watch = Watch()

        def heard(gone: float) -> None:
            watch(seconds - gone)
            progress(gone)

        try:
            with device.quiet(), watch:
                turns = Turns(self.open, self.feeds, seed=self._seed, progress=heard)
                tried = [setting for setting in self.tried if self._answers_alike(setting)]
                in_time = self._in_time(min(turns.cost(DEFAULT) for _ in range(3)), len(tried), seconds)
                found = search(turns, tried[:in_time], seconds * _SEARCH_SHARE)
                if not self._answers_alike(found.kept):
                    found = Search(DEFAULT, None, found.trials)
                joined = self._joined(found.kept, seconds * (1 - _SEARCH_SHARE))
                heard(seconds)
        finally:
            device.close()
        notes = about_machine(watch.seen(), found.kept.threads or self.threads or usable())
        if left := tried[in_time:]:
            notes.append(Note.of("few-samples", f"there was no time to try: {'; '.join(map(str, left))}"))
        return self._told(found, joined, seconds, notes)

    def _in_time(self, turn: float, tried: int, seconds: float) -> int:
        """Return how many of the changes can be tried, where a turn takes so long; UsageError where none can."""
        fitting = [count for count in range(1, tried + 1) if turn * turns_needed(count) <= seconds * _SEARCH_SHARE]
        if tried and not fitting:
            raise UsageError(
                f"{seconds:g} s are too few to tune this model: to open it and time it once takes {turn:.2f} s",
                f"--seconds {int(turn * turns_needed(tried) / _SEARCH_SHARE) + 1}",
            )
        return max(fitting, default=0)

    def _answers_alike(self, setting: Tuned) -> bool:
        """Say whether a session with the setting opens, and answers as the default does."""
        try:
            session = self.open(setting)
            answers = session.run(self.feeds)
            session.close()
        except EdgekitError:
            return False
        return alike(answers, self._expected)

    def _joined(self, kept: Tuned, seconds: float) -> Batches:
        """Find how many rows a Batcher should join, where the model can be batched."""
        if not all(np.ndim(array) for array in self.feeds.values()):
            return Batches(None, None)
        row = {name: array[:1] for name, array in self.feeds.items()}
        try:
            return best(Model(self.name, self.open(kept), self._manifest), row, seconds)
        except UsageError:
            return Batches(None, None)

    def _told(self, found: Search, joined: Batches, seconds: float, notes: Sequence[Note]) -> dict[str, Any]:
        trials = [
            {"step": step, "setting": str(setting), **speed, "verdict": comparison.verdict(speed)}
            for step, setting, speed in found.trials
        ]
        kept = found.kept
        return {
            "schema": tuned.SCHEMA,
            "of": self.of,
            "setting": str(kept),
            tuned.CONFIG: {tuned.OPTIONS: dict(kept.options)},
            tuned.ENTRIES: dict(kept.entries),
            "speedup": found.speed if found.speed and kept is not DEFAULT else {"ratio": 1.0, "low": 1.0, "high": 1.0},
            "max_batch": joined.best,
            "max_batch_speedup": joined.speed,
            "batch": self.batch,
            "inputs": {name: [str(array.dtype), *array.shape] for name, array in self.feeds.items()},
            "seconds": seconds,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "trials": trials,
            "notes": [note.to_dict() for note in notes],
        }

    def write(self, told: Mapping[str, Any]) -> None:
        """Write what `run` returned where `edgekit.load` finds it, in one step. StorageError."""
        files.write_json(self.path, told)


def alike(answers: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Say whether a setting answers as the default does: numbers of an output to a thousandth of its greatest."""
    for name, want in expected.items():
        got = answers[name]
        if not np.issubdtype(want.dtype, np.inexact):
            same = np.array_equal(got, want)
        else:
            scale = float(np.max(np.abs(want), initial=0, where=np.isfinite(want)))
            same = got.shape == want.shape and np.allclose(got, want, rtol=1e-3, atol=1e-3 * scale, equal_nan=True)
        if not same:
            return False
    return True

"""From model files to the record of a measurement: opened, fed, timed side by side on a quiet device."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit import __version__, files, hardware, locks
from edgekit.latency.notes import doubts
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.manifest import MODEL
from edgekit.measuring.feeds import parse_shapes, random_feeds
from edgekit.measuring.timing import time_models
from edgekit.runtime.bundle import load
from edgekit.runtime.feeds import describe

MIN_SAMPLES = 64


class SingleStream:
    """Models opened on one device with feeds made up for them, ready to be timed.

    `models`: name -> bundle or ONNX file; the first is what the others are compared with. `shapes`: lines such as
    `tokens=1,128` for inputs whose sizes cannot be known.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        *,
        device: str = "cpu",
        threads: int = 1,
        batch: int = 1,
        shapes: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        self.batch = batch
        self.seed = seed
        self.files = {name: path / MODEL if path.is_dir() else path for name, path in models.items()}
        self.sessions = {name: load(path, device=device, threads=threads).session for name, path in models.items()}
        given = parse_shapes(shapes, [tensor for session in self.sessions.values() for tensor in session.inputs])
        self.feeds: dict[str, dict[str, Any]] = {
            name: random_feeds(session.inputs, batch, given, seed) for name, session in self.sessions.items()
        }

    def measure(self, seconds: float) -> Record:
        """Time all models for `seconds` together while no other process of edgekit uses the device."""
        first = next(iter(self.sessions.values()))
        load_before = hardware.load_average()
        device = locks.Device(first.device)
        try:
            with device.quiet():
                taken = time_models(self.sessions, self.feeds, seconds=seconds, min_samples=MIN_SAMPLES, seed=self.seed)
        finally:
            device.close()
        return Record(
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            machine=hardware.machine(),
            versions={"edgekit": __version__, **hardware.versions([*hardware.onnxruntime_wheels(), "numpy"])},
            settings={
                "scenario": "single-stream",
                "seconds": seconds,
                "min_samples": MIN_SAMPLES,
                "seed": self.seed,
            },
            models=[self._entry(name, taken[name]) for name in self.sessions],
            notes=doubts(
                load=load_before,
                cores=hardware.usable_cores(),
                threads=first.threads,
                unsettled=[name for name, samples in taken.items() if not samples.settled],
            ),
        )

    def _entry(self, name: str, samples: Samples) -> Entry:
        file, session = self.files[name], self.sessions[name]
        return Entry(
            name=name,
            kind="onnx",
            file=str(file),
            sha256=files.sha256(file),
            bytes=file.stat().st_size,
            device=session.device,
            threads=session.threads,
            batch=self.batch,
            precision=None,
            inputs={key: describe(value) for key, value in self.feeds[name].items()},
            samples=samples,
        )

"""`edgekit.quantize`: after training, a float ONNX file or bundle made small as far as it pays; the verb calls it.

It needs no torch. What is asked is read by `asking`, found by `post_training`, and told by `telling`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import console
from edgekit.compression import asking, telling
from edgekit.compression.asking import Given, Labels
from edgekit.compression.calibrating import share
from edgekit.compression.post_training import Asked, search, side_by_side
from edgekit.compression.scoring import metric
from edgekit.compression.ways import Workshop, batches
from edgekit.errors import UsageError
from edgekit.graph.original import Original
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model

_BATCH = 8  # examples that are run at a time


@dataclass(frozen=True)
class Quantized:
    """What came of it: where the twin was written, None where nothing was kept, and all that was tried.

    `best` is the attempt that was kept, or the one that came nearest, as `record["attempts"]` has them.
    """

    path: Path | None
    best: dict[str, Any] = field(repr=False)
    record: dict[str, Any] = field(repr=False)

    @property
    def way(self) -> str:
        """The kind of numbers, "u8s8" for one."""
        return str(self.best["way"])

    @property
    def drop_points(self) -> float:
        """The points lost against the float model, below 0 where some were gained."""
        return -float(self.best["change"]["points"])

    @property
    def speedup(self) -> float:
        """How many times as fast as the float model; its interval stands in `best`."""
        return float(self.best["speed"]["ratio"])

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Every twin that was made, the fast ones scored."""
        return list(self.record["attempts"])

    @property
    def reason(self) -> str:
        """Why nothing was kept, with what came nearest; "" where the budget holds."""
        return str(self.record["reason"])

    def load(self, device: str = "cpu") -> Model:
        """Open what was written."""
        if self.path is None:
            raise UsageError(f"nothing was written: {self.reason}", "allow more, or take the nearest by keep_anyway")
        return load(self.path, device=device)


def quantize(
    model: str | Path,
    data: Given,
    out: str | Path,
    *,
    labels: Labels = None,
    max_drop_points: float | None = 0.5,
    min_speedup: float = 1.0,
    min_shrink: float | None = None,
    method: str = "auto",
    calibration: str = "min-max",
    samples: int = 256,
    correct: bool = True,
    exclude: Sequence[str] = (),
    target: str = "here",
    device: str = "cpu",
    threads: int = 1,
    seconds: float = 10.0,
    keep_anyway: bool = False,
) -> Quantized:
    """Quantize the bundle or ONNX file `model` after training, as far as it pays and keeps the budget, into `out`.

    `data`: real examples as the model takes them: an array, arrays by input name, an .npz or .npy file, or a folder of
    pictures; `labels` (n,): class numbers, else those of `data` ("y"). Half is calibrated on, `samples` at most, and
    half judged: by the labels, or by how often the answer stays the float model's.
    `max_drop_points` may be lost; None is no limit. It must be clearly more than `min_speedup` times as fast, where 0
    lets all pass; or `min_shrink` times as small and not clearly slower. `method`: "auto" times every way; or the name
    of one. `calibration`: "min-max", "percentile" or "entropy". `correct`: biases. `exclude`: nodes to leave in float.
    `target`: another processor, for which nothing is undone for its time here. `device`, `threads`, `seconds`: where
    and how long each comparison is timed. `keep_anyway` writes the nearest where nothing keeps the budget.

    `out` is a new folder for a bundle, an .onnx file for a file; `model` itself is never touched. Where nothing is
    kept, nothing is written and the answer says why. Raises EdgekitError where data or model do not fit.
    """
    _check(samples, threads, seconds, min_speedup)
    chosen, notes = asking.ways(method, target)
    how, place = asking.calibration(calibration), Path(model)
    opened = load(place, device=device, threads=threads)
    into = asking.check_output(Path(out), place)
    shared = share(*asking.examples(data, labels, opened), opened.inputs, samples)
    at_a_time, at_once = asking.batch(opened, _BATCH), asking.batch(opened, 1)
    name, score = metric(opened.session, batches(shared.judging, at_a_time), shared.labels)
    judged = len(next(iter(shared.judging.values())))
    console.say(f"{name} on {judged} examples, calibrated on {len(next(iter(shared.calibration.values())))} others")
    original = Original(asking.onnx_file(place, opened), exclude)
    workshop = Workshop(original, batches(shared.calibration, at_a_time), how, correct)
    asked = Asked(max_drop_points, min_speedup, min_shrink, chosen, device, threads, seconds, must_pay=target == "here")
    request = batches(shared.judging, at_once)[0]
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        outcome = search(workshop, score, side_by_side(request, asked), asked, Path(folder), console.say)
        kept = outcome.chosen or (outcome.nearest if keep_anyway else None)
        said = telling.told(outcome, kept, workshop, asked, target, {"name": name, "n": judged})
        said["notes"] = [*shared.notes, *notes]
        said["measured"]["batch"] = at_once
        if kept:
            telling.write(into, kept, opened, place, said, request)
    return Quantized(into if kept else None, outcome.nearest.to_dict(), said)


def _check(samples: int, threads: int, seconds: float, min_speedup: float) -> None:
    for name, value, least in (("samples", samples, 16), ("threads", threads, 1), ("min_speedup", min_speedup, 0)):
        if value < least:
            raise UsageError(f"{name} is {value:g}, and {least} is the least")
    if seconds <= 0:
        raise UsageError(f"seconds is {seconds:g}, and nothing can be timed in that")

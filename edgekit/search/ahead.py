"""How fast and how large a student is, told before it is trained: weights of any value take the same time.

The untrained network is exported and timed beside the teacher's graph, while the device is quiet. What was found is
kept in the search's folder, for the next trial of the same network.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files, locks
from edgekit.exporting import ladder
from edgekit.latency import comparison
from edgekit.latency.copies import Opener
from edgekit.latency.sampling import interleave
from edgekit.measuring import predicting
from edgekit.measuring.spinning import rest_after
from edgekit.runtime.session import open_session
from edgekit.stages.job import Job
from edgekit.training.randomness import seeded

_SECONDS = 0.5


def estimate(
    job: Job, teacher: Path | None, p50_ms: float | None, device: locks.Device, folder: Path
) -> dict[str, Any]:
    """Return the student's {"p50_ms", "speedup", "bytes"}, the first from the teacher's `p50_ms` where there is one.

    `teacher` is its graph; without one the time is raw, and the speed-up None.
    """
    assert job.student
    measured = [job.measure.device, job.measure.threads, job.measure.batch]
    digest = teacher and files.sha256(teacher)
    path = folder / f"{files.fingerprint([job.student.identity, digest, measured])[:16]}.json"
    if known := files.read_json(path):
        return dict(known)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        graph = Path(temporary) / "student.onnx"
        with seeded(job.seed, 0):
            network = job.student.make()
        with device.busy():
            ladder.export(network, job.deployment, job.inputs, graph)
        found = _timed(job, graph, teacher, device) | {"bytes": graph.stat().st_size}
    if p50_ms and found["speedup"]:
        found["p50_ms"] = p50_ms / found["speedup"]
    files.write_json(path, found)
    return found


def _timed(job: Job, graph: Path, teacher: Path | None, device: locks.Device) -> dict[str, Any]:
    measure = job.measure
    batch = np.resize(job.inputs, (measure.batch, *job.inputs.shape[1:]))

    def opened(path: Path) -> partial[Any]:
        session = open_session(path, device=measure.device, threads=measure.threads)
        return partial(session.run, predicting.first(session, batch))

    graphs = {"student": graph} | ({"teacher": teacher} if teacher else {})
    openers = {name: Opener(partial(opened, path)) for name, path in graphs.items()}
    with device.quiet():
        seconds = min(_SECONDS, measure.seconds)
        taken = interleave(openers, seconds=seconds, seed=job.seed, rest=rest_after(measure.threads))
    speedup = comparison.speedup(taken["student"], taken["teacher"])["ratio"] if teacher else None
    return {"p50_ms": taken["student"].summary()["p50_us"] / 1000, "speedup": speedup}

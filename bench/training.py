"""Measures how fast edgekit trains: its loop beside the bare computation, and what the teacher adds to an epoch.

    python bench/training.py           (make bench)

The Fashion-MNIST student on 12,800 of its training examples, as many steps as an epoch of them has. "bare" is forward,
loss and backward on batches that lie in memory ready for use, no optimizer, nothing written; "compiled" is the same
under torch.compile, where there is a C++ compiler for it. The others are whole calls of the loop: from labels alone,
with the teacher's kept answers, and with the teacher asked for every batch. All are interleaved, so the ratios hold on
a busy machine too. Writes every raw time to bench/results/training-<machine>.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from recording import compared, print_table, write
from torch.nn import functional as F

from edgekit import console, locks
from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine
from edgekit.latency.sampling import interleave
from edgekit.recipe.loading import load
from edgekit.recipe.schema import Distill
from edgekit.stages import distill, supervised
from edgekit.stages.job import Context, Job
from edgekit.training import placement
from edgekit.training.batches import ArraySource
from edgekit.workflow.preparing import prepare

EXAMPLES = 12_800
RECIPE = "fashion-mnist"


def main() -> int:
    """Measure, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0, help="for all of it")
    said = parser.parse_args()
    device = locks.Device("cpu")
    with tempfile.TemporaryDirectory() as scratch:
        job = small(prepare(load(RECIPE, overrides=["stages.distill.epochs=1"])))
        group = variants(job, Path(scratch), device)
        console.say(f"measuring {', '.join(group)}: {said.seconds:g} s")
        with Watch() as watch:
            measured = list(interleave(group, seconds=said.seconds, min_samples=5).values())
    device.close()
    rows = compared(measured)
    notes = about_machine(watch.seen(), torch.get_num_threads())
    print_table("an epoch of 12,800", rows, unit="s")
    for row in rows:
        console.answer(f"{row['name']}: {EXAMPLES / row['summary']['p50_us'] * 1e6:,.0f} examples a second")
    for note in notes:
        console.answer(f"note: {note}")
    path = write("training", "python bench/training.py", {"epoch": rows}, notes, threads=torch.get_num_threads())
    console.answer(f"record: {path}")
    return 0


def small(job: Job) -> Job:
    """Return the same job on fewer training examples."""

    def source(settings, views):  # type: ignore[no-untyped-def]
        whole = job.source(settings, views).batches
        split = Split(whole.split.inputs[:EXAMPLES], whole.split.targets[:EXAMPLES])
        kept = {name: getattr(whole, name) for name in ("batch", "seed", "view_seed", "normalize", "augment", "views")}
        return ArraySource(Batches(split, **kept))

    return dataclasses.replace(job, source=source)


def variants(job: Job, folder: Path, device: locks.Device) -> dict[str, Callable[[], object]]:
    """Give what is compared, each a call that trains for an epoch."""
    settings = job.stages["distill"]
    assert isinstance(settings, Distill)
    assert job.teacher
    assert job.student
    numbers = itertools.count()

    def context(name: str) -> Context:
        place = folder / f"{name}-{next(numbers)}"  # a folder of its own: no checkpoint is found there
        place.mkdir()
        return Context(job=job, name=name, folder=place, key="bench", device=device, origin=job.student)

    teacher = supervised.run(job.teacher.train, dataclasses.replace(context("teacher"), origin=job.teacher)).network
    kept = settings.model_copy(update={"teacher_views": 1})
    live = settings.model_copy(update={"teacher_views": 0})

    def taught(how: Distill) -> None:
        distill.run(how, dataclasses.replace(context("taught"), teacher=teacher, teacher_key="bench"))

    taught(kept)  # fills the cache
    return {
        "bare": bare(job, settings),
        **({"bare, compiled": bare(job, settings, compiled=True)} if shutil.which("g++") else {}),
        "alone": lambda: supervised.run(settings, context("alone")),
        "answers kept": lambda: taught(kept),
        "teacher asked live": lambda: taught(live),
    }


def bare(job: Job, settings: Distill, compiled: bool = False) -> Callable[[], object]:
    """Forward, loss and backward over batches in memory; no step is taken, so the weights stay."""
    batches = list(job.source(settings, 1).epoch(0))
    assert job.student
    network = job.student.make().train()
    placement.lay_out(network, batches[0].inputs)
    answer = torch.compile(network) if compiled else network

    def run() -> None:
        for batch in batches:
            loss = F.cross_entropy(placement.run(answer, batch.inputs, settings.precision), batch.targets)
            network.zero_grad()
            loss.backward()

    return run


if __name__ == "__main__":
    sys.exit(main())

"""Measures how many tokens a second a bundle writes, beside PyTorch's own loop over the same network.

    python bench/generation.py             (make bench)

The cells are those of models/recurrent.py, of random weights: what they write means nothing, and takes as long. Each
way writes the likeliest tokens after one, piece by piece: `model.generate`; PyTorch's own recurrent layer, a token at a
time; and PyTorch on the step that is shipped, written out in linear layers. All three must write the same text. They
take turns on one thread, so the ratios hold on a busy machine too, and the state of `generate` is bound anew each time.
Writes every raw time to bench/results/generation-<machine>.json, and ends with 1 where a cell writes less than 5 times
as fast as the quicker of PyTorch's two ways.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recording import compared, print_table, write
from torch import nn

import edgekit
from edgekit import console, locks, modelfile
from edgekit.exporting import bundle, ladder
from edgekit.exporting.deployment import Deployment
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine, about_times
from edgekit.latency.notes import Note
from edgekit.latency.sampling import interleave
from edgekit.manifest import Manifest
from edgekit.measuring.predicting import first
from edgekit.runtime.model import Model
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

CELLS, WIDTHS, TOKENS = ("rnn", "gru", "lstm"), (128, 256), 100
LABELS = [chr(0x4E00 + token) for token in range(96)]
FASTER_AT_LEAST = 5.0


def main() -> int:
    """Measure, print the tables, write the record."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=6.0, help="for each cell and width")
    seconds = words.parse_args().seconds
    torch.set_num_threads(1)
    device, groups, found = locks.Device("cpu"), {}, list[Note]()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = {
            f"{cell}, width {width}": ways(network, shipped(network, Path(scratch) / f"{cell}{width}"))
            for cell in CELLS
            for width in WIDTHS
            for network in [built(cell, width)]
        }
        with device.quiet(), Watch() as watch:
            for name, calls in prepared.items():
                console.say(f"measuring {name}: {', '.join(calls)}")
                measured = interleave(calls, seconds=seconds)
                found += [note for samples in measured.values() for note in about_times(samples)]
                groups[name] = compared(list(measured.values()))
    device.close()
    notes = about_machine(watch.seen(), 1) + [note for note in found if note.kind != "one-copy"]
    for name, rows in groups.items():
        for row in rows:
            row["tokens_per_second"] = TOKENS / row["summary"]["p50_us"] * 1e6
        print_table(f"{name}: {TOKENS} tokens", rows)
        console.answer(", ".join(f"{row['name']} {row['tokens_per_second']:,.0f} tokens/s" for row in rows))
    for note in notes:
        console.answer(f"note: {note}")
    command = "python bench/generation.py" + (f" --seconds {seconds:g}" if seconds != 6 else "")
    console.answer(f"record: {write('generation', command, groups, notes, tokens=TOKENS)}")
    return judged(groups)


def built(cell: str, width: int) -> nn.Module:
    """Make a network of random weights, the same each time."""
    torch.manual_seed(0)
    path = Path(__file__).parents[1] / "models" / "recurrent.py"
    network: nn.Module = modelfile.build(path, {"cell": cell, "width": width, "tokens": len(LABELS)})
    return network.eval()


def shipped(network: nn.Module, folder: Path) -> Model:
    """Export it, and open its bundle on one thread."""
    folder.mkdir()
    ids = np.random.default_rng(0).integers(0, len(LABELS), (16, 16))
    ladder.export(network, Deployment(Tensor.parse("ids: int64[N,T]"), "logits"), ids, folder / "step.onnx")
    session = open_session(folder / "step.onnx", threads=1)
    card = Manifest("cell", "next-token", session.inputs, session.outputs, labels=LABELS)
    bundle.write(folder / "bundle", folder / "step.onnx", card, first(session, ids))
    return edgekit.load(folder / "bundle", threads=1)


def ways(network: Any, model: Model) -> dict[str, Callable[[], list[int]]]:
    """Return each way to write: the numbers of TOKENS tokens after the first of all."""

    def generate() -> list[int]:
        return [ord(piece) - 0x4E00 for piece in model.generate(LABELS[0], length=TOKENS)]

    @torch.inference_mode()
    def layer() -> list[int]:
        ids, state, written = torch.zeros(1, 1, dtype=torch.int64), None, []
        for _ in range(TOKENS):
            answers, state = network.cells(network.embedding(ids), state)
            ids = network.head(answers)[:, 0].argmax(-1, keepdim=True)
            written.append(ids.item())
        return written

    @torch.inference_mode()
    def step() -> list[int]:
        ids, written = torch.zeros(1, 1, dtype=torch.int64), []
        states = [torch.zeros(1, *shape) for shape in network.states.values()]
        for _ in range(TOKENS):
            logits, *states = network(ids, *states)
            ids = logits[:, 0].argmax(-1, keepdim=True)
            written.append(ids.item())
        return written

    found = {"model.generate": generate, "PyTorch, its layer": layer, "PyTorch, the step": step}
    texts = [call() for call in found.values()]
    if texts[1:] != texts[:-1]:
        raise SystemExit(f"the ways write different texts: {texts}")
    return found


def judged(groups: dict[str, list[dict[str, Any]]]) -> int:
    """Return 1, and say of which cells, where the least of PyTorch's times is not clearly so many times longer."""
    slow = [name for name, rows in groups.items() if min(row["ratio"]["low"] for row in rows[1:]) < FASTER_AT_LEAST]
    for name in slow:
        console.say(f"error: {name}: not clearly {FASTER_AT_LEAST:g} times as fast as PyTorch")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())

"""Quantizes the fine-tuned encoder MiniLM in every way, and judges it by the labels of movie snippets.

    edgekit distill sentiment --until teacher                            (10 minutes; make data brings what it needs)
    python bench/minilm.py runs/sentiment/1a2b3c4d/teacher/model.onnx    (5 minutes)

Texts of 32 tokens, those of the validation and test examples: 256 calibrate, the others judge. What was tried is
written to bench/results/minilm-<machine>.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import recording

import edgekit
from edgekit import console, files
from edgekit.data.loading import load
from edgekit.recipe.data import Data

DATA = {"source": "movie-snippets", "text": {"tokenizer": "data:minilm/tokenizer.json", "length": 32}}


def main() -> None:
    """Quantize, print what became of each way, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graph", type=Path, help="the teacher's ONNX file")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each comparison")
    parser.add_argument("--output", type=Path, default=recording.RESULTS / f"minilm-{recording.machine_name()}.json")
    said = parser.parse_args()
    data = load(Data.model_validate(DATA), Path(), 0)
    x, y = (
        np.concatenate([getattr(split, part) for split in (data.validation, data.test)])
        for part in ("inputs", "targets")
    )
    order = np.random.default_rng(0).permutation(len(y))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "small.onnx"
        done = edgekit.quantize(said.graph, x[order], out, labels=y[order], max_drop_points=0.5, seconds=said.seconds)
    console.say(done.reason)
    files.write_text(said.output, json.dumps(done.record) + "\n")


if __name__ == "__main__":
    main()

"""Finished candidates on disk: written once, checked by hash, found again by key in this run or in a sibling."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import nn

from edgekit import console, files
from edgekit.compression import widths
from edgekit.graph.inspection import inspect
from edgekit.stages.job import Made, Network

RECORD, WEIGHTS, GRAPH, HISTORY, CHECKPOINT = (
    "candidate.json", "weights.safetensors", "model.onnx", "history.jsonl", "checkpoint.pt",
)  # fmt: skip


def keep(folder: Path, key: str, made: Made, origin: Network, seconds: float) -> dict[str, Any]:
    """Write what a stage made, then its record; only then let the checkpoint go."""
    record: dict[str, Any] = {"key": key, "seconds": round(seconds, 2), "said": made.said}
    kept = [HISTORY] if (folder / HISTORY).exists() else []
    if made.graph is None and made.network is not None:
        state = {name: value.detach().cpu().contiguous() for name, value in made.network.state_dict().items()}
        with files.atomic(folder / WEIGHTS) as temporary:
            temporary.write_bytes(save(state))
        record["widths"] = widths.changed(widths.read(origin.make()), widths.read(made.network))
        record["parameters"] = sum(value.numel() for value in made.network.parameters())
        kept.append(WEIGHTS)
    else:
        kept.append(GRAPH)
        if origin.graph and made.network is not None:
            record["parameters"] = inspect(folder / GRAPH).parameters
    record["files"] = {name: files.sha256(folder / name) for name in kept}
    files.write_sealed(folder / RECORD, record)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return record


def find(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the record of a whole candidate of this key in `folder`, fetched from a sibling run if one has it."""
    if record := _whole(folder, key):
        return record
    for other in sorted(folder.parent.parent.glob(f"*/{folder.name}/{RECORD}")):
        with contextlib.suppress(OSError):  # the sibling may be removed while it is read
            if other.parent != folder and _whole(other.parent, key, quiet=True):
                _fetch(other.parent, folder)
                return _whole(folder, key)
    return None


def restore(record: dict[str, Any], folder: Path, origin: Network) -> nn.Module | None:
    """Build the network of a finished candidate again; None for an ONNX graph that a stage made."""
    if "widths" not in record:
        return origin.make() if origin.graph and "onnx" in record["said"] else None
    network = origin.make()
    widths.restore(network, record["widths"], load_file(folder / WEIGHTS))
    return network.eval()


def _whole(folder: Path, key: str, quiet: bool = False) -> dict[str, Any] | None:
    if not (folder / RECORD).exists():
        return None
    damaged: Path | None = folder / RECORD
    record = files.read_sealed(folder / RECORD)
    if record:
        if record["key"] != key:
            return None
        differing = (folder / name for name, digest in record["files"].items() if _digest(folder / name) != digest)
        damaged = next(differing, None)
    if damaged and not quiet:
        console.say(f"{damaged}: damaged or gone; making it again")
    return None if damaged else record


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.exists() else None


def _fetch(source: Path, target: Path) -> None:
    with files.atomic_folder(target) as temporary:
        for path in _contents(source):
            shutil.copy2(path, temporary / path.name)
    console.say(f"{target.name}: the same was made in run {source.parent.name}; taken from there")


def _contents(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))

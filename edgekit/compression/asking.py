"""What quantizing after training is asked, read: ways, how outliers are cut off, examples, where to write. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.compression.ways import TARGETS, WAYS
from edgekit.data import arrays
from edgekit.errors import DataError, StorageError, UsageError, nearest
from edgekit.exporting.bundle import check_folder
from edgekit.graph.histograms import METHODS, Method
from edgekit.manifest import MODEL
from edgekit.runtime.model import Model
from edgekit.runtime.predictors import images

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")

Given = str | Path | np.ndarray | Mapping[str, np.ndarray]
Labels = Sequence[int] | np.ndarray | None


def ways(method: str, target: str) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return the ways that a method and a target leave, None for all, and what must be said of them."""
    known = ["here", *TARGETS]
    if target not in known:
        near = nearest(target, known)
        raise UsageError(
            f'there is no target "{target}"', f'did you mean "{near}"?' if near else f"one of {', '.join(known)}"
        )
    if method not in ("auto", *WAYS):
        near = nearest(method, ["auto", *WAYS])
        raise UsageError(
            f'there is no method "{method}"', f'did you mean "{near}"?' if near else f"one of auto, {', '.join(WAYS)}"
        )
    chosen = None if method == "auto" else (method,)
    if target == "here":
        return chosen, []
    note = f"for {target}, and not measured there: the times are of this machine, and no step was undone for them"
    return chosen or (TARGETS[target],), [note]


def calibration(method: str) -> Method:
    """Return a way to cut outliers off by its name."""
    for known in METHODS:
        if method == known:
            return known
    near = nearest(method, list(METHODS))
    hint = f'did you mean "{near}"?' if near else f"one of {', '.join(METHODS)}"
    raise UsageError(f'there is no calibration "{method}"', hint)


def check_output(out: Path, place: Path) -> Path:
    """Return where to write: a folder for a bundle, an .onnx file for a file; the original is never written over."""
    if out.resolve() == place.resolve():
        raise UsageError(f'"{out}" is the original', "name another place")
    if place.is_dir():
        return check_folder(out)
    if out.suffix != ".onnx":
        raise UsageError(f'"{out}" does not end in .onnx', f"name a file, such as {out}.onnx")
    if out.is_dir():
        raise StorageError(f'"{out}" is a folder', "name a file that is not there yet")
    return out


def onnx_file(place: Path, model: Model) -> Path:
    """Return the ONNX file of a bundle or a file."""
    if model.manifest and model.manifest.model != MODEL:
        raise UsageError(
            f'"{place}" holds {model.manifest.model}, which cannot be changed any more', "quantize the ONNX bundle"
        )
    return place / MODEL if place.is_dir() else place


def examples(data: Given, labels: Labels, model: Model) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Return examples by input name, and labels if there are: of arrays, of their file, or of a folder of pictures.

    `labels` stand in for those that come with the data.
    """
    if isinstance(data, np.ndarray):
        held: Mapping[str, np.ndarray] = {"": data}
    elif isinstance(data, Mapping):
        held = {name: np.asarray(array) for name, array in data.items()}
    elif Path(data).is_dir():
        given, own = _pictures(Path(data), model)
        return given, own if labels is None else _classes(labels)
    else:
        held = arrays.read_arrays(data)
    given, told = arrays.examples(held, model.inputs)
    wanted = told if labels is None else labels
    return given, None if wanted is None else _classes(wanted)


def _classes(said: Sequence[int] | np.ndarray) -> np.ndarray:
    labels = np.asarray(said)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"the labels are {labels.dtype}{list(labels.shape)}", "one class number for each example")
    return labels


def _pictures(folder: Path, model: Model) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Read the pictures of a folder; of those in folders named as the model's labels, the labels too."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES)
    if not paths:
        raise DataError(f'there are no pictures in "{folder}"', f"files that end in {', '.join(_PICTURES)}")
    feeds, _ = images.read(model, [str(path) for path in paths])
    names = [path.parent.name for path in paths]
    if model.labels and set(names) <= set(model.labels):
        return feeds, np.array([model.labels.index(name) for name in names])
    return feeds, None


def batch(model: Model, wanted: int) -> int:
    """Return how many examples go in at a time: as many as wanted, or as the model is fixed to."""
    sizes = {tensor.shape[0] for tensor in model.inputs if tensor.shape}
    fixed = [size for size in sizes if isinstance(size, int)]
    return fixed[0] if fixed else wanted

"""What `edgekit quantize` reads before and writes after: ways, examples, the model's file; the twin and its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import DataError, StorageError, UsageError, nearest

if TYPE_CHECKING:
    import numpy as np

    from edgekit.compression.post_training import Asked, Attempt, Outcome
    from edgekit.compression.ways import Workshop
    from edgekit.graph.histograms import Method
    from edgekit.runtime.model import Model


def ways(method: str, target: str) -> tuple[tuple[str, ...] | None, list[str]]:
    """Return the ways that `--method` and `--target` leave, None for all, and what must be said of them."""
    from edgekit.compression.ways import TARGETS, WAYS

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
    from edgekit.graph.histograms import METHODS

    for known in METHODS:
        if method == known:
            return known
    near = nearest(method, list(METHODS))
    hint = f'did you mean "{near}"?' if near else f"one of {', '.join(METHODS)}"
    raise UsageError(f'there is no calibration "{method}"', hint)


def check_output(out: Path, place: Path) -> Path:
    """Return where to write: a folder for a bundle, an .onnx file for a file; the original is never written over."""
    from edgekit.exporting.bundle import check_folder

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
    from edgekit.manifest import MODEL

    if model.manifest and model.manifest.model != MODEL:
        raise UsageError(
            f'"{place}" holds {model.manifest.model}, which cannot be changed any more', "quantize the ONNX bundle"
        )
    return place / MODEL if place.is_dir() else place


def examples(data: str, model: Model) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Read examples by input name, and labels if there are: arrays from a file, or all pictures of a folder."""
    from edgekit.commands import declaring

    if Path(data).is_dir():
        return _pictures(Path(data), model)
    given, labels = declaring.examples(declaring.read_arrays(data), model.inputs)
    if labels is not None and (labels.ndim != 1 or labels.dtype.kind not in "iu"):
        raise DataError(f"the labels are {labels.dtype}{list(labels.shape)}", "one class number for each example")
    return given, labels


def _pictures(folder: Path, model: Model) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Read the pictures of a folder; of those in folders named as the model's labels, the labels too."""
    import numpy as np

    from edgekit.runtime.predictors import images

    endings = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    if not paths:
        raise DataError(f'there are no pictures in "{folder}"', f"files that end in {', '.join(endings)}")
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


def told(
    outcome: Outcome, kept: Attempt | None, workshop: Workshop, asked: Asked, target: str, metric: Mapping[str, Any]
) -> dict[str, Any]:
    """Give all that was tried and decided as JSON-ready values."""
    from edgekit import __version__, hardware

    original = workshop.original
    reason = outcome.reason
    if not outcome.chosen:
        near = outcome.nearest
        lost = f"{near.change['points'] + 0.0:+.2f} points at ".replace("-", "−") if near.change else ""
        left = f", {len(near.floats)} layers in float" if near.floats else ""
        reason += f"; the nearest is {near.way}{left}: {lost}{near.speed['ratio']:.2f}× the speed"
    return {
        "kept": kept.to_dict() if kept else None,
        "within_budget": outcome.chosen is not None,
        "reason": reason,
        "metric": dict(metric),
        "budget": {"max_drop_points": asked.max_drop_points, "min_speedup": asked.min_speedup},
        "target": target,
        "float": {
            "p50_us": outcome.float_us,
            "bytes": original.source.stat().st_size,
            "layers": len(original.weighted),
        },
        "calibration": {"method": workshop.method, "examples": workshop.ranges.examples, "corrected": workshop.correct},
        "attempts": [each.to_dict() for each in outcome.attempts],
        "sensitivity": outcome.sensitivity,
        "machine": hardware.machine(),
        "measured": {"device": asked.device, "threads": asked.threads, "seconds": asked.seconds},
        "versions": {"edgekit": __version__, **hardware.versions([*hardware.onnxruntime_wheels(), "onnx", "numpy"])},
        "raw": {name: samples.to_dict() for name, samples in outcome.raw.items()},
    }


def write(
    out: Path, kept: Attempt, model: Model, place: Path, said: Mapping[str, Any], request: Mapping[str, Any]
) -> None:
    """Write the twin: a file beside which nothing is, or a bundle with a card of its own."""
    import copy

    from edgekit import files
    from edgekit.exporting import bundle
    from edgekit.manifest import MODEL
    from edgekit.runtime.session import open_session

    if not place.is_dir():
        with files.atomic(out) as temporary:
            temporary.write_bytes(kept.file.read_bytes())
        return
    before = model.manifest
    assert before is not None
    metric, machine = said["metric"], said["machine"]["cpu"]
    card = copy.copy(before)
    card.outputs = open_session(kept.file).outputs
    card.metrics = {
        f"{metric['name']}_against_float": {
            **{key: kept.change[key] for key in ("points", "low", "high", "n")}, "split": "half of the examples given",
            "kind_of_cpu": machine, "flags": said["machine"]["flags"],
        }
    }  # fmt: skip
    card.latency = {"p50_us": kept.p50_us, **said["measured"], "machine": machine}
    card.parity = {}
    what = {key: said[key] for key in ("budget", "target", "calibration", "within_budget", "notes")}
    card.provenance = {
        **before.provenance,
        "quantized": {
            "way": kept.way,
            "float_layers": list(kept.floats),
            "from": before.files[MODEL]["sha256"],
            **what,
        },
        "before": {"metrics": before.metrics, "latency": before.latency, "parity": before.parity},
    }
    beside = {name: place / name for name in before.files if name != MODEL}
    bundle.write(out, kept.file, card, dict(request), beside)

"""Agreement against speed of EfficientNet-Lite0 in 8 bits: what `edgekit quantize` finds, and other tools beside it.

    python bench/photos.py && python bench/quantization.py
    python bench/quantization.py --also nncf=lite0-nncf.onnx     # models that other tools made of photos/lite0

Calibrated on 128 crops of photographs and judged on 256 others: agreement is how often the largest answer stays the
float model's. Beside edgekit's ways and its layers in float stand onnxruntime's own defaults and its uint8 by channel.
All are timed in turn, on one thread. Writes bench/results/quantization-<machine>.json with every raw time and
bench/results/quantization.png.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from photos import HOME
from photos import main as bring
from recording import RESULTS, write

from edgekit import console, files, locks, statistics
from edgekit.compression.scoring import metric
from edgekit.compression.ways import SCHEMES, Workshop, batches
from edgekit.graph import storage
from edgekit.graph.original import Original
from edgekit.graph.silence import silenced
from edgekit.latency.comparison import speedup
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.doubts import about_machine
from edgekit.latency.sampling import interleave
from edgekit.reporting.drawing import PRINT, style
from edgekit.runtime.session import open_session

PLOT = RESULTS / "quantization.png"
LAYERS = (1, 2, 4, 8, 12, 16)
GOAL = (1.30, 88.0)  # what it must reach: times as fast, percent of agreement


class Feeds(CalibrationDataReader):  # type: ignore[misc]
    """Gives onnxruntime's own quantizer one picture at a time."""

    def __init__(self, pictures: np.ndarray[Any, Any]) -> None:
        self.left = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next picture, None at the end."""
        picture = next(self.left, None)
        return None if picture is None else {"image": picture[None]}


def main() -> int:
    """Make every model, score and time it, write the record and the plot."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--also", action="append", default=[], metavar="NAME=FILE", help="another tool's model")
    words.add_argument("--seconds", type=float, default=60.0, help="for timing them all")
    said = words.parse_args()
    if bring():
        return 1
    folder = files.data_home() / HOME
    pictures = np.load(folder / "photos.npz")
    judged = batches({"image": pictures["judge"]}, 8)
    source = folder / "lite0" / "model.onnx"
    _, score = metric(open_session(source), judged, None)
    with tempfile.TemporaryDirectory() as scratch:
        models = {"float": source, **edgekits(source, pictures["calibration"], Path(scratch))}
        models |= onnxruntimes(source, pictures["calibration"], Path(scratch))
        models |= {name: Path(file) for name, _, file in (each.partition("=") for each in said.also)}
        console.say("scoring")
        scores = {name: score(open_session(path)) for name, path in models.items()}
        sizes = {name: path.stat().st_size for name, path in models.items()}
        console.say(f"timing {len(models)} models for {said.seconds:g} s")
        request = {"image": pictures["judge"][:1]}

        def opened(path: Path) -> Callable[[], object]:
            return partial(open_session(path, threads=1).run, request)

        device = locks.Device("cpu")
        with device.quiet(), Watch() as watch:
            openers = {name: Opener(partial(opened, path), most=8) for name, path in models.items()}
            taken = interleave(openers, seconds=said.seconds, progress=watch)
        device.close()
    rows = {
        name: {
            "agreement": statistics.mean_estimate(scores[name]),
            "speedup": speedup(taken[name], taken["float"]),
            "bytes": sizes[name],
            "scores": scores[name].astype(int).tolist(),
            **taken[name].to_dict(),
            "summary": taken[name].summary(),
        }
        for name in models
    }
    path = write(
        "quantization", "python bench/quantization.py", {"efficientnet-lite0": rows}, about_machine(watch.seen(), 1)
    )
    print_rows(rows)
    draw(rows, PLOT)
    console.say(f"{path}, {PLOT}")
    return 0


def edgekits(source: Path, pictures: np.ndarray[Any, Any], folder: Path) -> dict[str, Path]:
    """Make the twins of `edgekit quantize`: every static way, and the best with ever more layers in float."""
    console.say("edgekit: calibrating")
    workshop = Workshop(Original(source), batches({"image": pictures}, 8))
    made = {}
    plain = workshop.rough("u8s8")
    made["u8s8, not corrected"] = _saved(plain, folder / "plain.onnx")
    for way in SCHEMES:
        made[way] = _saved(workshop.make(way), folder / f"{way}.onnx")
    console.say("edgekit: sensitivity")
    order = list(workshop.sensitivity("u8s8", 4))
    for count in LAYERS:
        console.say(f"edgekit: {count} layers in float")
        made[f"u8s8, {count} in float"] = _saved(workshop.make("u8s8", order[:count]), folder / f"float-{count}.onnx")
    return made


def onnxruntimes(source: Path, pictures: np.ndarray[Any, Any], folder: Path) -> dict[str, Path]:
    """Make what onnxruntime's quantizer makes by its defaults, and with uint8 activations and scales by channel."""
    made = {"onnxruntime's defaults": folder / "ort.onnx", "onnxruntime u8s8 by channel": folder / "ort-channel.onnx"}
    with silenced():
        quantize_static(source, folder / "ort.onnx", Feeds(pictures))
        quantize_static(
            source, folder / "ort-channel.onnx", Feeds(pictures), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
    return made


def _saved(model: onnx.ModelProto, path: Path) -> Path:
    storage.save(model, path)
    return path


def print_rows(rows: Mapping[str, Any]) -> None:
    """Print a row for each model."""
    lines = []
    for name, row in rows.items():
        agreement, speed = row["agreement"], row["speedup"]
        lines.append(
            [
                name,
                f"{100 * agreement['value']:.1f} % [{100 * agreement['low']:.1f}, {100 * agreement['high']:.1f}]",
                f"{row['summary']['p50_us'] / 1000:.2f}",
                f"{speed['ratio']:.2f}× [{speed['low']:.2f}, {speed['high']:.2f}]",
                console.size(row["bytes"]),
            ]
        )
    console.table(["EfficientNet-Lite0", "agreement, n = 256", "p50 ms", "speed-up", "size"], lines)


def draw(rows: Mapping[str, Any], path: Path) -> None:
    """Draw agreement against speed as PNG of 1600 x 900 pixels."""
    with style(PRINT, "quantization"):
        figure = Figure(figsize=(800 / 72, 450 / 72), dpi=72, facecolor=PRINT.paper)
        axes = figure.add_axes((0.08, 0.13, 0.89, 0.68))
        figure.text(
            0.025, 0.925, "EfficientNet-Lite0 in 8 bits: what stays, and what it gains", fontsize=15.5, weight="bold"
        )
        how = "top-1 agreement with float32 on 256 crops of photographs; speed on one thread, batch 1"
        figure.text(0.025, 0.875, how, fontsize=10.5, color=PRINT.muted)
        ours = [name for name in rows if name.startswith(("u8", "s8"))]
        front = [name for name in ours if "in float" in name or name == "u8s8"]
        _spots(axes, rows, front, PRINT.accent, "edgekit: u8s8, biases corrected, 0 to 16 layers in float", "o")
        _spots(axes, rows, [name for name in ours if name not in front], PRINT.muted, "edgekit: other ways", "o")
        others = [name for name in rows if name not in ours and name != "float"]
        _spots(axes, rows, others, PRINT.ink, "other tools", "s")
        axes.plot(1, 100, "*", color=PRINT.ink, markersize=12)
        axes.annotate("float32", (1, 100), (8, -3), textcoords="offset points", fontsize=10)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.set_xlabel("times as fast as float32")
        axes.margins(x=0.1, y=0.08)
        axes.legend(loc="lower left", frameon=False)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


def _spots(axes: Any, rows: Mapping[str, Any], names: Sequence[str], colour: str, label: str, marker: str) -> None:
    places: dict[tuple[float, float], list[str]] = {}  # what lies in one place shares a label
    for name in names:
        x, y = rows[name]["speedup"]["ratio"], 100 * rows[name]["agreement"]["value"]
        short = name.replace("u8s8, ", "").replace(" in float", "")
        places.setdefault((round(x, 2), round(y, 1)), []).append(short)
    axes.plot([x for x, _ in places], [y for _, y in places], marker, color=colour, label=label, markersize=6)
    for (x, y), told in places.items():
        axes.annotate(
            ", ".join(told), (x, y), (0, 7), textcoords="offset points", ha="center", fontsize=9, color=colour
        )


if __name__ == "__main__":
    sys.exit(main())

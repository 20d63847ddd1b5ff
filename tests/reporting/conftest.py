"""A run as the workflow leaves it: digits, with a quantization that the judge undid."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import files

PER_CLASS = {
    "teacher": [1.0, 0.973, 1.0, 0.973, 1.0, 1.0, 1.0, 0.972, 0.943, 0.972],
    "student": [1.0, 0.946, 0.971, 0.946, 0.972, 0.973, 1.0, 0.972, 0.886, 0.944],
    "distill": [1.0, 0.973, 1.0, 0.946, 1.0, 0.973, 1.0, 0.972, 0.914, 0.972],
    "prune": [1.0, 0.973, 1.0, 0.946, 1.0, 0.973, 1.0, 1.0, 0.886, 0.972],
    "quantize": [1.0, 0.973, 0.971, 0.946, 1.0, 0.973, 1.0, 0.972, 0.886, 0.972],
}


def _estimate(value: float, low: float, high: float, n: int = 360) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": n}


def _ratio(ratio: float, low: float, high: float) -> dict[str, float]:
    return {"ratio": ratio, "low": low, "high": high}


def _verdict(stage: str, label: str, decision: str, reason: str, **figures: Any) -> dict[str, Any]:
    value, low, high = figures["test"]
    p50, p90 = figures["p50"], figures["p90"]
    over_teacher = figures.get("over_teacher")
    return {
        "stage": stage,
        "kind": stage,
        "label": label,
        "decision": decision,
        "reason": reason,
        "incumbent": figures.get("incumbent"),
        "parameters": figures["parameters"],
        "macs": figures["macs"],
        "bytes": figures["bytes"],
        "metric": "accuracy",
        "test": {**_estimate(value, low, high), "per_class": PER_CLASS[stage]},
        "validation": _estimate(value - 0.002, low - 0.003, high - 0.001),
        "change": figures.get("change"),
        "worst_class": figures.get("worst"),
        "latency": {
            "p50_us": p50, "p50_low_us": p50 * 0.985, "p50_high_us": p50 * 1.02, "p90_us": p90,
            "n": 2840, "device": "cpu", "threads": 1, "batch": 1,
        },
        "speedup": figures.get("speedup"),
        "speedup_over_teacher": _ratio(*over_teacher) if over_teacher else None,
        "parity": {
            "batches": [1, 2, 7], "max_abs": 2.4e-06, "mean_abs": 1.1e-07, "cosine": 1.0, "argmax_agreement": 1.0,
            "atol": 1e-4, "rtol": 1e-3,
        },
        "export": None if stage == "quantize" else {"method": "dynamo", "opset": 20, "ir": 10, "seconds": 1.4},
        "model": {"file": f"{stage}/model.onnx", "sha256": "c0ffee" + "0" * 58},
        "notes": ["the judge sees little: n = 360 gives about ±1.8 points"],
    }  # fmt: skip


def _change(points: float, low: float, high: float) -> dict[str, Any]:
    return {"points": points, "low": low, "high": high, "n": 360, "split": "validation"}


VERDICTS = [
    _verdict(
        "teacher", "teacher", "reference", "what the others are judged against",
        test=(0.986, 0.968, 0.994), parameters=172_906, macs=5_214_000, bytes=712_384, p50=402.3, p90=431.0,
    ),
    _verdict(
        "student", "student alone", "reference", "the student without its teacher, to know what the teacher is worth",
        test=(0.961, 0.936, 0.977), parameters=19_690, macs=318_000, bytes=84_310, p50=44.1, p90=46.9,
        incumbent="teacher", change=_change(-2.5, -4.3, -0.7),
        speedup=_ratio(9.12, 9.01, 9.24), over_teacher=(9.12, 9.01, 9.24),
    ),
    _verdict(
        "distill", "distilled", "kept", '9.10× faster [8.98, 9.21] than "teacher", and 0.3 points lost of 0.5 allowed',
        test=(0.978, 0.957, 0.989), parameters=19_690, macs=318_000, bytes=84_310, p50=44.2, p90=47.1,
        incumbent="teacher", change=_change(-0.3, -1.4, 0.8),
        speedup=_ratio(9.10, 8.98, 9.21), over_teacher=(9.10, 8.98, 9.21),
    ),
    _verdict(
        "prune", "pruned", "kept", '1.34× faster [1.31, 1.37] than "distilled", and 0.2 points lost of 0.5 allowed',
        test=(0.975, 0.953, 0.987), parameters=10_842, macs=171_000, bytes=48_720, p50=33.0, p90=35.2,
        incumbent="distill", change=_change(-0.2, -0.9, 0.5),
        worst={**_change(-2.8, -13.1, 7.6), "n": 35, "label": "8"},
        speedup=_ratio(1.34, 1.31, 1.37), over_teacher=(12.2, 12.0, 12.4),
    ),
    _verdict(
        "quantize", "quantized", "undone", '0.84× as fast [0.82, 0.86] as "pruned": slower, so it does not pay',
        test=(0.972, 0.950, 0.985), parameters=10_842, macs=171_000, bytes=24_390, p50=39.3, p90=42.0,
        incumbent="prune", change=_change(-0.3, -0.8, 0.3),
        worst={**_change(-2.9, -13.4, 7.6), "n": 34, "label": "2"},
        speedup=_ratio(0.84, 0.82, 0.86), over_teacher=(10.2, 10.0, 10.4),
    ),
]  # fmt: skip

EPOCHS = {"teacher": 20, "student": 30, "distill": 30, "prune": 8}

RECIPE = {
    "name": "digits",
    "task": "image-classification",
    "seed": 0,
    "data": {"source": "digits", "validation_fraction": 0.2, "test_fraction": 0.2},
    "teacher": {"model": "resnet.py", "args": {"depth": 14, "width": 32}},
    "student": {"model": "resnet.py", "args": {"depth": 8, "width": 16}, "baseline": True},
    "export": {"input": "image: uint8[N,8,8,1]", "output": "probabilities", "min_onnxruntime": "1.20"},
    "measure": {"device": "cpu", "threads": 1, "batch": 1, "seconds": 2.0},
    "stages": {"distill": {"epochs": 30}, "prune": {"ratio": 0.3, "epochs": 8}, "quantize": {"method": "static"}},
    "budget": {"max_drop_points": 0.5, "min_speedup": 1.0},
    "targets": {"accuracy": 0.95, "p50_ms": 0.1, "speedup": 15},
}


def _bins(*bins: tuple[int, float, float]) -> list[dict[str, float]]:
    return [{"n": n, "confidence": confidence, "correct": correct} for n, confidence, correct in bins]


def _shown(kind: str, example: int, label: int, teacher: tuple[int, float], model: tuple[int, float]) -> dict[str, Any]:
    said = ({"said": answer, "confidence": sure} for answer, sure in (teacher, model))
    return {"kind": kind, "example": example, "label": label, **dict(zip(("teacher", "model"), said, strict=True))}


DIFFERENCES = {
    "teacher": "teacher",
    "model": "prune",
    "total": {"points": -1.1, "low": -2.4, "high": 0.3, "n": 360},
    "counts": {"both": 349, "lost": 5, "won": 2, "alike": 3, "apart": 1},
    "classes": [
        {
            "label": label, "n": 36,
            "accuracy": {stage: PER_CLASS[stage][label] for stage in ("teacher", "student", "prune")},
            "change": {"points": 100 * (ours - theirs), "low": 100 * (ours - theirs) - 6.1, "high": 3.2, "n": 36},
        }
        for label, (ours, theirs) in enumerate(zip(PER_CLASS["prune"], PER_CLASS["teacher"], strict=True))
    ],
    "pairs": [{"label": 8, "said": 1, "teacher": 1, "model": 4}, {"label": 3, "said": 9, "teacher": 0, "model": 1}],
    "calibration": {
        "teacher": {"ece": 0.004, "chance": 0.011, "n": 360, "bins": _bins((20, 0.7, 0.75), (340, 0.99, 0.993))},
        "prune": {"ece": 0.0312, "chance": 0.012, "n": 360, "bins": _bins((60, 0.8, 0.6), (300, 0.99, 0.992))},
    },
    "pictures": {
        "file": "differences.npz",
        "shown": [
            _shown("lost", 17, 8, (8, 0.983), (1, 0.912)),
            _shown("won", 203, 3, (5, 0.612), (3, 0.558)),
            _shown("apart", 44, 9, (5, 0.8), (1, 0.7)),
        ],
        "maps": {
            "teacher": {"method": "CAM", "layer": "blocks", "stage": "teacher"},
            "model": {"method": "Grad-CAM", "layer": "blocks.2.conv2", "stage": "distill"},
        },
    },
}  # fmt: skip

RUN = {
    "schema": 1,
    "name": "digits",
    "id": "1a2b3c4d",
    "status": "finished",
    "created": "2026-03-14T09:26:53+00:00",
    "finished": "2026-03-14T09:27:41+00:00",
    "seconds": 48.2,
    "recipe": RECIPE,
    "recipe_file": "digits.yaml",
    "seed": 0,
    "versions": {
        "edgekit": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "onnx": "1.23.0", "onnxruntime": "1.32.0",
        "numpy": "2.4.1",
    },
    "machine": {
        "cpu": "Intel(R) Xeon(R) Processor @ 2.10GHz", "architecture": "x86_64",
        "flags": ["avx2", "avx512f", "avx512_vnni"], "cores": 2, "usable_cores": 2.0, "memory_bytes": 8_324_407_296,
        "system": "Linux 6.1", "python": "3.11.7", "governor": None, "gpus": [],
    },
    "data": {
        "source": "digits", "train": 1077, "validation": 360, "test": 360,
        "labels": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "fingerprint": "9f" * 32,
    },
    "stages": [
        {
            "id": verdict["stage"], "kind": verdict["stage"], "key": "ab" * 32, "seconds": 9.6,
            "history": f"{verdict['stage']}/history.jsonl" if verdict["stage"] in EPOCHS else None,
            "files": {}, "verdict": verdict,
        }
        for verdict in VERDICTS
    ],
    "differences": DIFFERENCES,
    "kept": "prune",
    "targets": [
        {"name": "accuracy", "wanted": 0.95, "got": 0.975, "met": True},
        {"name": "p50_ms", "wanted": 0.1, "got": 0.033, "met": True},
        {"name": "speedup", "wanted": 15, "got": 12.2, "met": False},
    ],
    "bundle": "bundle",
    "report": "report.html",
}  # fmt: skip

MANIFEST = {
    "schema": 1, "name": "digits", "task": "image-classification", "inputs": ["image: uint8[N,8,8,1]"],
    "outputs": ["probabilities: float32[N,10]"],
}  # fmt: skip


@pytest.fixture
def run() -> dict[str, Any]:
    """The values of a finished run's run.json, to be changed at will."""
    return copy.deepcopy(RUN)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a run's folder, with its histories, pictures and the bundle's manifest; returns the folder."""

    def write(said: dict[str, Any]) -> Path:
        folder = tmp_path / "runs" / said["name"] / said["id"]
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(said), encoding="utf-8")
        if said["bundle"]:
            (folder / said["bundle"]).mkdir()
            files.write_sealed(folder / said["bundle"] / "manifest.json", MANIFEST)
        for stage in said["stages"]:
            if stage["history"]:
                history = folder / stage["history"]
                history.parent.mkdir()
                history.write_text("".join(_epochs(EPOCHS[stage["id"]])), encoding="utf-8")
        draw = np.random.default_rng(0)
        images = draw.integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)
        maps = {who: draw.integers(0, 256, (3, 2, 2), dtype=np.uint8) for who in ("teacher", "model")}
        np.savez_compressed(folder / "differences.npz", images=images, **maps)
        return folder

    return write


def _epochs(count: int) -> list[str]:
    return [
        json.dumps({
            "epoch": epoch, "epochs": count, "loss": 2.3 * math.exp(-4.2 * epoch / count) + 0.03 + 0.02 * (epoch % 3),
            "parts": {}, "learning_rate": 0.1, "seconds": 0.3,
        }) + "\n"
        for epoch in range(1, count + 1)
    ]  # fmt: skip


def _trial(number: int, width: int, metric: float | None, p50_ms: float | None, **more: Any) -> dict[str, Any]:
    done = metric is not None and p50_ms is not None
    low, high = (metric - 0.6, metric + 0.5) if metric is not None else (None, None)
    speed = {"speedup": 2 / p50_ms, "speedup_low": 1.98 / p50_ms, "speedup_high": 2.02 / p50_ms} if p50_ms else {}
    figures = {"metric": metric, "metric_low": low, "metric_high": high, "n": 6000, "p50_ms": p50_ms, **speed}
    made = {"bytes": 400 * width, "parameters": 90 * width, "kept": "distill", "run": f"trials/0000000{number}"}
    overrides = {
        "student.args.width": width,
        "stages.distill.losses.soft-target.temperature": 4.0,
        "stages.prune": True,
    }
    said = {"number": number, "state": "complete" if done else "stopped", "overrides": overrides, "seconds": 41.2}
    return said | {"rung_scores": {"1": 80.0 + number, "3": 85.0 + number}} | (figures | made if done else {}) | more


@pytest.fixture
def found() -> dict[str, Any]:
    """The values of a finished search's search.json: three points of a front, and all outcomes."""
    return {
        "schema": 1, "name": "clothes", "id": "search-ab12cd34", "status": "finished", "recipe_file": "clothes.yaml",
        "created": "2026-03-14T09:26:53+00:00", "seconds": 6412.5, "trials_asked": 9, "jobs": 2, "storage": "journal",
        "machine": {"cpu": "a processor", "cores": 2, "usable_cores": 2.0}, "versions": {"edgekit": "0.4.0"},
        "data": {"train": 54000, "validation": 6000, "test": 10000},
        "metric": {"name": "accuracy", "unit": "%", "sign": 1},
        "limits": {"metric": None, "p50_ms": 0.45, "bytes": None, "speedup": None},
        "space": {
            "student.args.width": [8, 16, 24],
            "stages.distill.losses.soft-target.temperature": {"low": 1, "high": 8, "log": True},
            "stages.prune": [True, False],
        },
        "short": {"stages.distill.epochs": 9}, "rungs": [1, 3], "points": 3,
        "teacher": {"metric": 94.7, "p50_ms": 2.0, "bytes": 2_800_000},
        "trials": [
            _trial(0, 16, 92.0, 0.2, own=True), _trial(1, 24, 93.1, 0.4), _trial(2, 12, 92.4, 0.16),
            _trial(3, 8, 90.5, 0.1), _trial(4, 32, 93.5, 0.5, state="infeasible", why="0.5 ms where 0.45 ms may be"),
            _trial(5, 9, None, None, why="behind 4 others after 3 epochs"),
            _trial(6, 9, None, None, why="behind 2 others after 1 epoch", rung_scores={"1": 90.9}),
            _trial(7, 9, None, None, state="failed", why="no model", rung_scores={}),
            _trial(8, 9, None, None, state="lost", rung_scores={}),
        ],
        "front": [3, 2, 1],
        "chosen": [
            {"name": "most-accurate", "trial": 1, "why": "the best", "recipe": "points/most-accurate.yaml",
             "bundle": "points/most-accurate"},
            {"name": "fastest", "trial": 2, "why": "the fastest", "recipe": "points/fastest.yaml", "bundle": None},
        ],
    }  # fmt: skip

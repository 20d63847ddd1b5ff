"""What a finished run ships."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from edgekit.recipe.loading import load
from edgekit.recipe.schema import Targets
from edgekit.signature import Tensor
from edgekit.stages.job import Job
from edgekit.workflow import preparing, running, shipping

VERDICT: dict[str, Any] = {
    "test": {"value": 0.95},
    "latency": {"p50_us": 50.0},
    "speedup_over_teacher": {"ratio": 4.0, "low": 3.9, "high": 4.1},
    "bytes": 1000,
}


@pytest.fixture
def job(tiny: Path) -> Job:
    return preparing.prepare(load(tiny))


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        ({"accuracy": 0.95}, True),
        ({"accuracy": 0.96}, False),
        ({"p50_ms": 0.05}, True),
        ({"p50_ms": 0.04}, False),
        ({"speedup": 4.0}, True),
        ({"speedup": 5.0}, False),
        ({"bytes": 1000}, True),
        ({"bytes": 999}, False),
    ],
    ids=str,
)
def test_a_target_is_met_when_the_kept_model_reaches_it(job: Job, asked: dict[str, float], met: bool) -> None:
    (told,) = shipping.targets(dataclasses.replace(job, targets=Targets(**asked)), VERDICT)
    assert told["met"] is met
    assert told["wanted"] == next(iter(asked.values()))


def test_a_recipe_without_targets_asks_for_nothing(job: Job) -> None:
    assert shipping.targets(job, VERDICT) == []


def test_a_bundle_says_where_it_comes_from_and_nothing_of_the_makers_folders(tiny: Path, tmp_path: Path) -> None:
    data = tiny.parent / "shapes.npz"
    tiny.write_text("licence: MIT\n" + tiny.read_text().replace("source: shapes.npz", f"source: {data}"))
    job = preparing.prepare(load(tiny))
    record = running.run(job, tmp_path / "runs" / "tiny" / "id", until="student")
    bundle = tmp_path / "runs" / "tiny" / "id" / "bundle"
    said = json.loads((bundle / "manifest.json").read_text())
    assert said["provenance"]["seed"] == 0
    assert said["provenance"]["licence"] == "MIT"
    assert said["provenance"]["kept"] == record["kept"]
    assert [stage["id"] for stage in said["provenance"]["stages"]] == ["teacher", "student"]
    assert said["metrics"]["accuracy"]["split"] == "test"
    assert "kind_of_cpu" not in said["metrics"]["accuracy"], "float answers are alike everywhere"
    assert said["preprocessing"]["color"] == "L"
    card = {entry.key: entry.value for entry in onnx.load(bundle / "model.onnx").metadata_props}
    for key in ("task", "labels", "preprocessing", "metrics", "parity", "provenance", "inputs", "outputs"):
        told = card[f"edgekit.{key}"]
        assert (told if isinstance(said[key], str) else json.loads(told)) == said[key]
    assert len(card["edgekit.model_sha256"]) == 64
    for file in bundle.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes()


def test_of_a_metric_that_should_be_small_a_card_holds_the_figure_that_people_read(job: Job) -> None:
    bits = dataclasses.replace(job, metric="bits per character", unit="bits", sign=-1)
    scores = {"value": -2.0, "low": -2.25, "high": -1.75, "n": 9, "per_class": None}
    assert shipping._metrics(bits, scores, {})["bits per character"] == {
        "value": 2.0, "low": 1.75, "high": 2.25, "n": 9, "unit": "bits", "split": "test"
    }  # fmt: skip
    whole = {"value": -2.0, "low": None, "high": None, "n": None}
    assert shipping._metrics(bits, whole, {})["bits per character"]["high"] is None
    assert shipping._metrics(job, {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9, "per_class": [1.0]}, {}) == {
        "accuracy": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9, "split": "test"}
    }


def test_of_two_classes_a_card_holds_f1_beside_accuracy(job: Job) -> None:
    f1 = {"label": "yes", "value": 0.8, "low": 0.7, "high": 0.9, "n": 9}
    found = shipping._metrics(job, {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9, "per_class": None, "f1": f1}, {})
    assert list(found) == ["accuracy", "f1"]
    assert found["f1"] == f1 | {"split": "test"}


def test_where_8_bits_were_scored_stands_beside_each_metric(job: Job) -> None:
    where = {"kind_of_cpu": "a processor", "flags": ["avx512_vnni"]}
    f1 = {"label": "yes", "value": 0.8, "low": 0.7, "high": 0.9, "n": 9}
    scores = {"value": 0.9, "low": 0.8, "high": 1.0, "n": 9, "per_class": None, "f1": f1}
    for told in shipping._metrics(job, scores, where).values():
        assert told["kind_of_cpu"] == "a processor" and told["flags"] == ["avx512_vnni"]


def test_a_tokenizer_travels_in_the_bundle_and_the_card_says_how_texts_are_cut(job: Job, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"truncation": {"max_length": 24}}')
    texts = dataclasses.replace(job, beside={"tokenizer.json": tmp_path / "tokenizer.json"})
    assert shipping._before(texts) == {"max_length": 24}
    pairs = dataclasses.replace(texts, texts=2)
    assert shipping._before(pairs) == {"texts": 2, "max_length": 24}
    (tmp_path / "tokenizer.json").write_text('{"truncation": null}')
    assert shipping._before(texts) == {}


def test_a_card_says_how_windows_lie(job: Job) -> None:
    deployment = dataclasses.replace(job.deployment, input=Tensor.parse("x: float32[N,8,6]"))
    windows = dataclasses.replace(job, deployment=deployment, recipe={"data": {"window": {"length": 8, "hop": None}}})
    assert shipping._before(windows) == {"window": {"length": 8, "hop": 8}}
    assert shipping._before(job) == {}

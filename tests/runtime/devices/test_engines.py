from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.runtime.bundle import load
from edgekit.runtime.devices import engines
from edgekit.signature import Tensor

INPUTS = [Tensor.parse("image: uint8[N,28,28,1]"), Tensor.parse("mask: bool[N,T]")]
FACTS = {"onnxruntime": "1.31.1", "tensorrt": "101304", "driver": "580.65.06", "gpu": "NVIDIA L4 8.9"}


def test_engines_are_found_again_and_nothing_that_matters_may_change(tmp_path: Path) -> None:
    place = engines.folder(tmp_path, "ab" * 32, FACTS)
    assert engines.folder(tmp_path, "ab" * 32, dict(reversed(FACTS.items()))) == place
    others = [engines.folder(tmp_path, "ab" * 32, {**FACTS, key: "another"}) for key in (*FACTS, "trt_fp16_enable")]
    others.append(engines.folder(tmp_path, "cd" * 32, FACTS))
    assert len({place, *others}) == len(others) + 1


@pytest.mark.parametrize("as_bytes", [True, False])
def test_tensorrt_is_told_to_keep_engines_and_timings_in_a_folder_that_says_what_they_are_for(
    as_bytes: bool, tmp_path: Path, own_home: Path
) -> None:
    path = model(tmp_path)
    made = engines.cache(Path(path).read_bytes() if as_bytes else path, FACTS, {"trt_fp16_enable": "True"})
    place = Path(made["trt_engine_cache_path"])
    assert place.is_relative_to(own_home) and made["trt_timing_cache_path"] == str(place)
    assert made["trt_engine_cache_enable"] == made["trt_timing_cache_enable"] == "True"
    facts = json.loads((place / "facts.json").read_text())
    assert facts == {**FACTS, "trt_fp16_enable": "True", "model": facts["model"]} and len(facts["model"]) == 64


def model(folder: Path, data: bytes | None = None) -> str:
    """A model, with its weights in a file beside it where `data` is given."""
    text = "(float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"
    made = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> graph {text}')
    if data is not None:
        weights = made.graph.initializer[0]
        weights.CopyFrom(onnx.numpy_helper.from_array(np.float32([1, 2]), "w"))
        onnx.external_data_helper.set_external_data(weights, "weights.bin")
        weights.ClearField("raw_data")
        (folder / "weights.bin").write_bytes(data)
    (folder / "m.onnx").write_bytes(made.SerializeToString())
    return str(folder / "m.onnx")


def test_weights_that_lie_in_another_file_belong_to_the_model(tmp_path: Path, own_home: Path) -> None:
    made = [engines.cache(model(tmp_path, data), FACTS, {}) for data in (b"1", b"2", b"1", None)]
    places = [options["trt_engine_cache_path"] for options in made]
    assert places[0] == places[2] and len(set(places)) == 3


class Ran:
    """A run that notes the shapes it was given."""

    def __init__(self) -> None:
        self.shapes: list[list[tuple[int, ...]]] = []

    def __call__(self, feeds: dict[str, np.ndarray]) -> None:
        assert [str(array.dtype) for array in feeds.values()] == ["uint8", "bool"]
        self.shapes.append([array.shape for array in feeds.values()])


def test_building_ahead_runs_the_greatest_and_the_least_shapes() -> None:
    run = Ran()
    assert engines.prebuild(run, INPUTS, {"N": (1, 8, 32), "T": (4, 16, 64)}) >= 0
    assert run.shapes == [[(32, 28, 28, 1), (32, 64)], [(1, 28, 28, 1), (1, 4)]]


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [({"max_batch": 8}, [8, 1]), ({"shapes": {"N": (2, 3, 4)}, "max_batch": 8}, [4, 2]), ({}, [1, 1])],
    ids=["max-batch", "shapes", "neither"],
)
def test_a_model_is_built_ahead_for_the_sizes_it_was_loaded_with(
    settings: dict[str, Any], sizes: list[int], vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(engines, "prebuild", lambda run, inputs, shapes: asked.append([inputs, shapes]) or 0.5)
    bare = load(vectors / "model.onnx", **settings)
    for opened in (load(vectors, **settings), bare):
        assert opened.prebuild() == 0.5
    for inputs, shapes in asked:
        assert [engines.sizes(inputs[0], shapes, at)[0] for at in (2, 0)] == sizes


def test_building_ahead_works_on_any_device(graph: Callable[..., bytes], tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(graph("(string[N] s, float[N,3] x) => (float[N,3] y) { y = Neg(x) }"))
    assert load(tmp_path / "m.onnx", threads=1).prebuild() > 0

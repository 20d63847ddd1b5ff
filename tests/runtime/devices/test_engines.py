from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import UsageError
from edgekit.runtime.devices import engines
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

INPUTS = [Tensor.parse("image: uint8[N,28,28,1]"), Tensor.parse("mask: bool[N,T]")]
FACTS = {"onnxruntime": "1.31.1", "tensorrt": "101304", "driver": "580.65.06", "gpu": "NVIDIA L4 8.9"}


def test_a_profile_says_least_usual_and_greatest_shapes_of_every_input() -> None:
    assert engines.profile(INPUTS, {"N": (1, 8, 32), "T": (4, 16, 64)}) == {
        "trt_profile_min_shapes": "image:1x28x28x1,mask:1x4",
        "trt_profile_opt_shapes": "image:8x28x28x1,mask:8x16",
        "trt_profile_max_shapes": "image:32x28x28x1,mask:32x64",
    }


def test_fixed_shapes_need_no_profile() -> None:
    assert engines.profile([Tensor.parse("x: float32[1,3]")], {}) == {}


@pytest.mark.parametrize(
    ("shapes", "said"),
    [({"N": (1, 8, 32)}, '"T"'), ({"N": (8, 1, 32), "T": (1, 1, 1)}, '"N"'), ({"N": (0, 1, 2), "T": (1, 1, 1)}, '"N"')],
    ids=["missing", "out-of-order", "zero"],
)
def test_a_profile_that_leaves_a_dimension_open_is_refused(shapes: dict[str, engines.Range], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        engines.profile(INPUTS, shapes)


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
    (tmp_path / "m.onnx").write_bytes(b"a model")
    made = engines.cache(b"a model" if as_bytes else str(tmp_path / "m.onnx"), FACTS, {"trt_fp16_enable": "True"})
    place = Path(made["trt_engine_cache_path"])
    assert place.is_relative_to(own_home) and made["trt_timing_cache_path"] == str(place)
    assert made["trt_engine_cache_enable"] == made["trt_timing_cache_enable"] == "True"
    facts = json.loads((place / "facts.json").read_text())
    assert facts == {**FACTS, "trt_fp16_enable": "True", "model": facts["model"]} and len(facts["model"]) == 64


class Ran:
    """A session that notes the shapes it was run on."""

    inputs = INPUTS

    def __init__(self) -> None:
        self.shapes: list[list[tuple[int, ...]]] = []

    def run(self, feeds: dict[str, np.ndarray]) -> None:
        assert [str(array.dtype) for array in feeds.values()] == ["uint8", "bool"]
        self.shapes.append([array.shape for array in feeds.values()])


def test_building_ahead_runs_the_greatest_and_the_least_shapes() -> None:
    session = Ran()
    assert engines.prebuild(session, {"N": (1, 8, 32), "T": (4, 16, 64)}) >= 0
    assert session.shapes == [[(32, 28, 28, 1), (32, 64)], [(1, 28, 28, 1), (1, 4)]]


def test_building_ahead_works_on_any_device(graph: Callable[..., bytes]) -> None:
    session = open_session(graph("(string[N] s, float[N,3] x) => (float[N,3] y) { y = Neg(x) }"), threads=1)
    assert engines.prebuild(session) > 0

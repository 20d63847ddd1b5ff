from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.splitting import Splitting
from edgekit.signature import Tensor

X = [Tensor.parse("x: float32[N,2]")]


class Doubling:
    """A model that remembers how many rows each of its runs had."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, arrays: dict[str, Any]) -> dict[str, Any]:
        self.rows.append(len(arrays["x"]))
        return {"y": arrays["x"] * 2}


@pytest.mark.parametrize(
    ("rows", "runs"), [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (9, [3, 3, 3])], ids=lambda value: str(value)
)
def test_no_run_has_more_rows_than_the_limit_and_the_answers_are_those_of_the_whole(rows: int, runs: list[int]) -> None:
    run = Doubling()
    x = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    answers = Splitting(run, X, [Tensor.parse("y: float32[N,2]")], 3)({"x": x})
    np.testing.assert_array_equal(answers["y"], x * 2)
    assert run.rows == runs


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (["x: float32[8,2]"], ["y: float32[8]"]),
        (["x: float32[N,2]"], ["y: float32[M,2]"]),
        (["x: float32[N,2]", "z: float32[2]"], ["y: float32[N,2]"]),
        (["x: float32[_,_]"], ["y: float32[_]"]),
        (["x: float32[N,N]"], ["y: float32[N]"]),
        (["x: float32[N,2]"], ["y: float32[2,N]"]),
        (["x: float32[N]"], ["y: float32[]"]),
        ([], ["y: float32[N]"]),
    ],
    ids=["fixed", "another-name", "not-all-inputs", "without-a-name", "twice", "turned", "a-scalar", "none"],
)
def test_a_model_without_one_batch_that_can_be_cut_is_refused(inputs: list[str], outputs: list[str]) -> None:
    with pytest.raises(UsageError, match="max_batch needs one dynamic first dimension"):
        Splitting(Doubling(), [Tensor.parse(i) for i in inputs], [Tensor.parse(o) for o in outputs], 3)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "2"])
def test_a_limit_that_is_no_number_of_rows_is_refused(most: Any) -> None:
    with pytest.raises(UsageError, match="not a positive whole number"):
        Splitting(Doubling(), X, X, most)


def test_answers_whose_rows_are_not_the_batch_are_not_joined() -> None:
    splitting = Splitting(lambda arrays: {"y": arrays["x"][:1]}, X, [Tensor.parse("y: float32[N,2]")], 2)
    with pytest.raises(BundleError, match=r'output "y" is \[1, 2\] for 2 rows: it does not follow'):
        splitting({"x": np.zeros((4, 2), np.float32)})


def test_a_loaded_model_splits_and_checks_as_it_did(graph: Callable[..., bytes], tmp_path: Path) -> None:
    text = "(float[N,3] x, int64[N] i) => (float[N,3] y, int64[N] j) { y = Softmax(x) j = Neg(i) }"
    (tmp_path / "m.onnx").write_bytes(graph(text))
    whole, split = load(tmp_path / "m.onnx", threads=1), load(tmp_path / "m.onnx", threads=1, max_batch=4)
    feeds = {"x": np.random.default_rng(0).standard_normal((11, 3)).astype(np.float32), "i": np.arange(11)}
    for name, answer in whole(feeds).items():
        np.testing.assert_array_equal(split(feeds)[name], answer)
    with pytest.raises(InputError, match='"N" has two sizes'):
        split({**feeds, "i": np.arange(10)})


@pytest.mark.parametrize("answer", ["y: float32[_,2]", "y: float32[N,2]"])
def test_a_batch_without_a_name_is_cut_where_the_rows_agree(answer: str) -> None:
    inputs = [Tensor.parse("x: float32[_,2]"), Tensor.parse("z: float32[_,2]")]
    run = Doubling()
    x = np.zeros((4, 2), np.float32)
    splitting = Splitting(run, inputs, [Tensor.parse(answer)], 3)
    assert splitting({"x": x, "z": x})["y"].shape == (4, 2) and run.rows == [3, 1]
    with pytest.raises(InputError, match=r"number of rows: x: float32\[4,2\], z: float32\[3,2\]"):
        splitting({"x": x, "z": x[:3]})


@pytest.mark.parametrize("bind", [{"batch": 10}, {"x": (10, 3)}], ids=["batch", "shape"])
def test_a_bound_call_is_not_split_so_it_may_not_be_larger(vectors: Path, bind: dict[str, Any]) -> None:
    model = load(vectors, threads=1, max_batch=4)
    with pytest.raises(InputError, match="10 rows were bound, and max_batch is 4") as caught:
        model.bind(**bind)
    assert caught.value.hint == "bind up to 4, or call the model, which runs them in parts"
    with pytest.raises(InputError, match="10 rows"):
        model.bind(np.zeros((10, 3), np.float32))
    with model.bind(batch=4) as bound:
        assert bound.run()["probabilities"].shape == (4, 3)

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgekit.errors import InputError, UsageError
from edgekit.runtime.bind import Bound
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.signature import Tensor

X = np.array([[0, 1, 2], [5, 4, 3]], np.float32)
CAST = 'x.astype("float32"), or load the model with cast=True'
Opened = Callable[[str], Model]


@pytest.fixture
def opened(graph: Callable[..., bytes], tmp_path: Path) -> Opened:
    def open_model(text: str) -> Model:
        (tmp_path / "m.onnx").write_bytes(graph(text))
        return load(tmp_path / "m.onnx", threads=1)

    return open_model


def test_a_bound_call_answers_as_the_model_does_in_the_same_arrays_each_time(vectors: Path) -> None:
    model = load(vectors, threads=1)
    with model.bind(batch=2) as bound:
        answers = bound.outputs["probabilities"]
        for x in (X, X[::-1], -X):
            bound.inputs["x"][:] = x
            assert bound.run()["probabilities"] is answers is bound.outputs["probabilities"]
            np.testing.assert_array_equal(answers, model(x)["probabilities"])
    np.testing.assert_array_equal(answers, model(-X)["probabilities"])  # the arrays outlive the binding


@pytest.mark.parametrize(
    "bind",
    [lambda m: m.bind(batch=2), lambda m: m.bind(x=(2, 3)), lambda m: m.bind(X), lambda m: m.bind({"x": X.tolist()})],
    ids=["batch", "shape", "array", "feeds"],
)
def test_sizes_come_from_a_batch_a_shape_or_an_example(vectors: Path, bind: Callable[[Model], Any]) -> None:
    with bind(load(vectors, threads=1)) as bound:
        assert bound.inputs["x"].shape == bound.outputs["probabilities"].shape == (2, 3)


def test_an_example_is_copied(vectors: Path) -> None:
    x = X.copy()
    with load(vectors, threads=1).bind(x) as bound:
        x[:] = 0
        np.testing.assert_array_equal(bound.inputs["x"], X)


def test_many_inputs_and_answers_of_several_dtypes_are_bound(opened: Opened) -> None:
    model = opened(
        "(float[N,T] x, int64[N,T] i, float16[2] h, bool[N] b) => (float[N,T] y, int64[N,T] j, float16[2] k, bool[N] c)"
        "{ y = Neg(x) j = Neg(i) k = Neg(h) c = Not(b) }"
    )
    with model.bind(batch=2, x=(2, 3)) as bound:
        bound.inputs["x"][:], bound.inputs["i"][:] = X, X
        bound.inputs["h"][:], bound.inputs["b"][:] = 1, True
        answers = bound.run()
        np.testing.assert_array_equal(answers["y"], -X)
        np.testing.assert_array_equal(answers["j"], -X.astype(np.int64))
        assert answers["k"].tolist() == [-1, -1] and answers["c"].tolist() == [False, False]


@pytest.mark.parametrize(
    "text", ["(float x) => (float y) { y = Neg(x) }", "(float[2] x) => (float[2] y) { y = Neg(x) }"]
)
def test_a_model_of_fixed_sizes_needs_none(opened: Opened, text: str) -> None:
    with opened(text).bind() as bound:
        bound.inputs["x"][...] = 3
        assert np.all(bound.run()["y"] == -3)


def test_a_batch_of_nothing_is_bound(vectors: Path) -> None:
    with load(vectors, threads=1).bind(batch=0) as bound:
        assert bound.run()["probabilities"].shape == (0, 3)


@pytest.mark.parametrize(
    ("bind", "message", "hint"),
    [
        (lambda m: m.bind(), '"N" has no size', "give one, as bind(x=(1, 1, 3))"),
        (lambda m: m.bind(batch=2), '"T" has no size', "give one, as bind(x=(2, 1, 3))"),
        (lambda m: m.bind(batch=-1), "batch is -1", None),
        (lambda m: m.bind(batch=2, z=(2, 3)), 'no input "z"', "the model takes x: float32[N,T,3]"),
        (lambda m: m.bind(x=[2, 4, 3]), r"shape of input \"x\" is \[2, 4, 3\]", "write it as bind(x=(4, 3))"),
        (lambda m: m.bind(x=(2, 4, 4)), r"given float32\[2,4,4\], expected float32\[N,T,3\]", None),
        (lambda m: m.bind(x=(2, 3)), r"given float32\[2,3\]", 'x[None] makes it a batch: "N" is any number of them'),
        (
            lambda m: m.bind(np.zeros((1, 2, 3))),
            "given float64",
            'x.astype("float32"), or load the model with cast=True',
        ),
    ],
    ids=["nothing", "half", "negative", "another-name", "a-list", "another-size", "another-rank", "another-dtype"],
)
def test_sizes_that_are_missing_or_do_not_fit_are_refused(
    opened: Opened, bind: Callable[[Model], Any], message: str, hint: str | None
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        bind(opened("(float[N,T,3] x) => (float[N,T,3] y) { y = Neg(x) }"))
    assert caught.value.hint == hint


def test_a_batch_that_is_missing_is_asked_for(vectors: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(vectors, threads=1).bind()
    assert caught.value.hint == "give one, as bind(batch=1)"


def test_a_batch_for_a_model_that_takes_none_is_refused(opened: Opened) -> None:
    with pytest.raises(InputError, match=r"no input takes a batch: x: float32\[2\]"):
        opened("(float[2] x) => (float[2] y) { y = Neg(x) }").bind(batch=2)


@pytest.mark.parametrize(
    "text",
    [
        "(string[2] x) => (string[2] y) { y = Identity(x) }",
        "(float[4] x) => (seq(float[N]) y) { y = SplitToSequence(x) }",
    ],
    ids=["texts", "lists"],
)
def test_what_is_no_array_of_numbers_cannot_be_bound(opened: Opened, text: str) -> None:
    with pytest.raises(UsageError, match="cannot be bound, only numbers"):
        opened(text).bind()


def test_another_thread_is_refused(vectors: Path) -> None:
    caught: list[BaseException] = []

    def run(bound: Any) -> None:
        try:
            bound.run()
        except BaseException as error:
            caught.append(error)

    with load(vectors, threads=1).bind(batch=1) as bound:
        other = threading.Thread(target=run, args=(bound,))
        other.start()
        other.join()
    assert isinstance(caught[0], UsageError) and "in another thread" in str(caught[0])


def test_each_thread_binds_its_own_to_the_one_model(vectors: Path) -> None:
    model = load(vectors, threads=1)
    wrong: list[int] = []

    def work(seed: int) -> None:
        draw = np.random.default_rng(seed)
        with model.bind(batch=2) as bound:
            for _ in range(200):
                x = draw.standard_normal((2, 3)).astype(np.float32)
                bound.inputs["x"][:] = x
                powers = np.exp(x)
                expected = powers / powers.sum(1, keepdims=True)
                if not np.allclose(bound.run()["probabilities"], expected, rtol=1e-5):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_arrays_cannot_be_exchanged_by_mistake(vectors: Path) -> None:
    with load(vectors, threads=1).bind(batch=2) as bound, pytest.raises(TypeError):
        bound.inputs["x"] = X


def test_after_its_with_a_bound_call_is_closed(vectors: Path) -> None:
    with load(vectors, threads=1).bind(batch=2) as bound:
        pass
    with pytest.raises(UsageError, match="the bound call is closed"):
        bound.run()


def test_an_answer_whose_size_hangs_on_values_is_told(opened: Opened) -> None:
    with opened("(float[4] x) => (int64[1,M] y) { y = NonZero(x) }").bind(np.array([1, 0, 2, 0], np.float32)) as bound:
        assert bound.run()["y"].tolist() == [[0, 2]]
        bound.inputs["x"][:] = 1
        with pytest.raises(InputError, match=r"the bound model cannot run on x: float32\[4\]") as caught:
            bound.run()
        assert caught.value.hint == "where the sizes of its answers hang on values, call the model instead"


class Value:
    """An `OrtValue` on a GPU: it has memory of its own, which only its methods reach."""

    def __init__(self, array: np.ndarray, kind: str, index: int) -> None:
        self.memory, self.place = array.copy(), (kind, index)

    @classmethod
    def ortvalue_from_numpy(cls, array: np.ndarray, kind: str, index: int) -> Value:
        return cls(array, kind, index)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: list[int], dtype: type, kind: str, index: int) -> Value:
        return cls(np.full(shape, -1, dtype), kind, index)

    def update_inplace(self, array: np.ndarray) -> None:
        self.memory[...] = array

    def numpy(self) -> np.ndarray:
        return self.memory.copy()


class Binding:
    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.waited: list[str] = []
        self.bind_ortvalue_input = self.bind_ortvalue_output = self.values.__setitem__
        self.synchronize_inputs = lambda: self.waited.append("inputs")
        self.synchronize_outputs = lambda: self.waited.append("outputs")


class Gpu:
    """A session on a GPU, and the native one in it: y = -x, at the addresses of the first run of each CUDA graph."""

    def __init__(self, device: str, graphs: bool) -> None:
        self.device, self._graphs, self._session = device, graphs, self
        self.inputs, self.outputs = [Tensor.parse("x: float32[3]")], [Tensor.parse("y: float32[3]")]
        self.bindings: list[Binding] = []
        self.recorded: dict[str, dict[str, Value]] = {}

    def io_binding(self) -> Binding:
        self.bindings.append(Binding())
        return self.bindings[-1]

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"y": -feeds["x"]}

    def run_with_iobinding(self, binding: Binding, options: Any) -> None:
        values = binding.values
        if options is not None:
            values = self.recorded.setdefault(options.get_run_config_entry("gpu_graph_id"), values)
        values["y"].memory[...] = -values["x"].memory
        binding.waited.append("run")


@pytest.mark.parametrize(
    ("device", "place"),
    [("cuda", ("cuda", 0)), ("cuda:1", ("cuda", 1)), ("tensorrt:2", ("cuda", 2))],
)
def test_on_a_gpu_each_run_copies_to_buffers_there_and_back(
    device: str, place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "OrtValue", Value)
    session = Gpu(device, graphs=False)
    bound = Bound(session, {"x": np.ones(3, np.float32)})  # type: ignore[arg-type]
    values = session.bindings[0].values
    assert {name: value.place for name, value in values.items()} == {"x": place, "y": place}
    held = [value.memory.ctypes.data for value in values.values()]
    for first in (5, 7):
        bound.inputs["x"][:] = [first, 2, 3]
        assert bound.run()["y"].tolist() == [-first, -2, -3]
    assert [value.memory.ctypes.data for value in values.values()] == held
    assert session.bindings[0].waited == ["inputs", "run", "outputs"] * 2 and session.recorded == {}


def test_each_bound_call_has_a_cuda_graph_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph replays the buffers of its recording: with one for two, the second would get the answers of the first."""
    monkeypatch.setattr(onnxruntime, "OrtValue", Value)
    session = Gpu("cuda", graphs=True)
    bounds = [Bound(session, {"x": np.full(3, n, np.float32)}) for n in (1, 2)]  # type: ignore[arg-type]
    for _ in range(2):
        for bound in bounds:
            bound.inputs["x"][:] += 10
            assert bound.run()["y"].tolist() == (-bound.inputs["x"]).tolist()
    assert len(session.recorded) == 2 and not {"0", "-1"} & {*session.recorded}

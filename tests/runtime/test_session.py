from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edgekit.errors import BundleError, DeviceError, InputError, UsageError
from edgekit.runtime import threads
from edgekit.runtime.bundle import load
from edgekit.runtime.devices.opening import Opened
from edgekit.runtime.session import Session, open_session
from edgekit.signature import Tensor

NEGATE = "(float[N,3] x) => (float[N,3] y) { y = Neg(x) }"


def test_a_session_opens_from_a_path_and_from_bytes_and_answers_by_name(
    graph: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(NEGATE))
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for source in (path, str(path), path.read_bytes()):
        session = open_session(source)
        answers = session.run({"x": x})
        assert list(answers) == ["y"]
        np.testing.assert_array_equal(answers["y"], -x)


def test_a_session_says_its_signature_device_and_metadata(graph: Callable[..., bytes]) -> None:
    model = onnx.load_model_from_string(
        graph("(float[N,3] x, double[?] d, int64[2] i) => (float[N,3] y) { y = Neg(x) }")
    )
    onnx.helper.set_model_props(model, {"edgekit.task": "classification"})
    session = open_session(model.SerializeToString(), threads=1)
    assert session.inputs == [Tensor.parse(line) for line in ("x: float32[N,3]", "d: float64[_]", "i: int64[2]")]
    assert session.outputs == [Tensor.parse("y: float32[N,3]")]
    assert (session.device, session.threads) == ("cpu", 1)
    assert session.metadata == {"edgekit.task": "classification"}
    assert repr(session).startswith(
        "Session(x: float32[N,3], d: float64[_], i: int64[2] -> y: float32[N,3], device='cpu'"
    )


def test_auto_says_where_it_runs(graph: Callable[..., bytes]) -> None:
    assert open_session(graph(NEGATE), device="auto").device != "auto"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system knows no processor affinity")
def test_threads_are_those_this_process_may_use(graph: Callable[..., bytes]) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert open_session(graph(NEGATE)).threads == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert open_session(graph(NEGATE)).threads == threads.usable() <= len(allowed)
    assert open_session(graph(NEGATE), threads=1).threads == 1


def test_no_threads_at_all_are_refused(graph: Callable[..., bytes]) -> None:
    with pytest.raises(UsageError, match="threads is 0"):
        open_session(graph(NEGATE), threads=0)


def test_a_graph_that_is_not_optimised_answers_as_it_is_written(graph: Callable[..., bytes]) -> None:
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(open_session(graph(NEGATE), optimize=False).run({"x": x})["y"], -x)


@pytest.mark.parametrize(
    ("text", "ir", "opset", "message"),
    [
        (NEGATE, 99, 20, r"has IR version 99; onnxruntime \S+ reads up to \d+"),
        (NEGATE, 10, 99, r"uses opset 99; onnxruntime \S+ reads up to \d+"),
        ("(float[N] x) => (float[N] y) { y = Nope(x) }", 10, 20, 'uses the operator "Nope"'),
        ("(float[N] x) => (float[M] y) { y = Expand(x, x) }", 10, 20, "the model does not open: .*[Tt]ype"),
    ],
    ids=["newer-ir", "newer-opset", "unknown-operator", "wrong-graph"],
)
def test_a_model_onnxruntime_refuses_is_a_bundle_error_with_the_reason(
    graph: Callable[..., bytes], text: str, ir: int, opset: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        open_session(graph(text, ir, opset))
    said = str(caught.value)
    assert "onnxruntime_src" not in said and "[ONNXRuntimeError]" not in said and "\n" not in said
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert capfd.readouterr() == ("", "")


def test_an_operator_of_an_unknown_domain_is_named(graph: Callable[..., bytes]) -> None:
    model = onnx.load_model_from_string(graph(NEGATE))
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    model.graph.node[0].domain = "mine"
    with pytest.raises(BundleError, match='uses the operator "mine:Neg"'):
        open_session(model.SerializeToString())


@pytest.mark.parametrize("content", [b"", b"neither ONNX nor anything", None], ids=["empty", "foreign", "truncated"])
def test_bytes_that_are_no_model_are_refused(
    graph: Callable[..., bytes], content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(NEGATE)[:-9] if content is None else content)
    for source in (path, path.read_bytes()):
        with pytest.raises(BundleError, match="damaged, or no ONNX file"):
            open_session(source)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.onnx"):
        with pytest.raises(BundleError, match="is no file"):
            open_session(path)


def test_a_device_this_build_lacks_is_refused_without_falling_back(graph: Callable[..., bytes]) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this build offers CUDA")
    with pytest.raises(DeviceError, match="offers only: "):
        open_session(graph(NEGATE), device="cuda")


def test_feeds_that_only_the_run_can_refuse_are_an_input_error_showing_them(graph: Callable[..., bytes]) -> None:
    session = open_session(graph("(float[N] x, float[M] z) => (float[N] y) { y = Add(x, z) }"), threads=1)
    with pytest.raises(InputError, match=r"cannot run on x: float32\[2\], z: float32\[3\]: .*Add") as caught:
        session.run({"x": np.ones(2, np.float32), "z": np.ones(3, np.float32)})
    assert "onnxruntime_src" not in str(caught.value)


@pytest.mark.parametrize("bound", [False, True], ids=["run", "bound"])
def test_of_an_error_that_is_raised_here_onnxruntime_prints_nothing(
    graph: Callable[..., bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str], bound: bool
) -> None:
    (tmp_path / "m.onnx").write_bytes(
        graph("(int64[N] places) => (float[N] y) <float[2] table = {0, 1}> { y = Gather(table, places) }")
    )
    model = load(tmp_path / "m.onnx", threads=1)
    with pytest.raises(InputError, match="out of data bounds"):
        if bound:
            held = model.bind(batch=1)
            held.inputs["places"][:] = 7
            held.run()
        else:
            model(np.array([7]))
    assert capfd.readouterr() == ("", "")


def test_options_are_for_the_device_asked_for_and_not_for_its_fallback(graph: Callable[..., bytes]) -> None:
    given = {"cache_dir": "/nowhere"}
    session = open_session(graph(NEGATE), device="openvino:GPU.77", fallback=["cpu"], options=given)
    assert session.device == "cpu" and list(session.refused) == ["openvino:GPU.77"]


def test_a_graph_is_run_as_it_is_written_where_that_was_asked_for(graph: Callable[..., bytes]) -> None:
    none = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    levels = [
        open_session(graph(NEGATE), optimize=optimize)._session.get_session_options().graph_optimization_level
        for optimize in (True, False)
    ]
    assert levels[0] != none and levels[1] == none


class Recorded:
    """An `onnxruntime.InferenceSession` that notes the graph each of its runs names."""

    def __init__(self, inner: onnxruntime.InferenceSession) -> None:
        self.graphs: list[str | None] = []
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name == "_sess":
            raise AttributeError
        return getattr(self.inner, name)

    def run(self, names: list[str], feeds: dict[str, Any], options: Any = None) -> list[Any]:
        self.graphs.append(options and options.get_run_config_entry("gpu_graph_id"))
        return self.inner.run(names, feeds)


@pytest.mark.parametrize(("graphs", "said"), [(True, "-1"), (False, None)])
def test_a_plain_run_replays_no_cuda_graph(graphs: bool, said: str | None, graph: Callable[..., bytes]) -> None:
    fake = Recorded(onnxruntime.InferenceSession(graph(NEGATE), providers=["CPUExecutionProvider"]))
    session = Session(Opened(fake, "cuda", 1, None, {}, graphs), {})
    session.run({"x": np.ones((1, 3), np.float32)})
    assert fake.graphs == [said]


def test_what_is_no_file_is_told_with_what_to_name() -> None:
    with pytest.raises(BundleError, match='"/dev/null" is no file') as caught:
        open_session("/dev/null")
    assert caught.value.hint == "name an ONNX file"

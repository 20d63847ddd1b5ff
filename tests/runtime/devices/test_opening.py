"""What really comes up. Most of it needs an onnxruntime with another provider: `make test-wheels` brings them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from edgekit.errors import BundleError, DeviceError, UsageError
from edgekit.runtime import bundle
from edgekit.runtime.devices import nvidia, placement, plugins, providers
from edgekit.runtime.devices.naming import Device, Request
from edgekit.runtime.devices.opening import Opening, _elsewhere
from edgekit.runtime.session import open_session

NEGATE = "(float[N,3] x) => (float[N,3] y) { y = Neg(x) }"
# OpenVINO has no operators on strings.
MIXED = "(string[N] s, float[N,3] x) => (string[N] t, float[N,3] y) { t = StringConcat(s, s) y = Neg(x) }"
STRINGS = "(string[N] s) => (string[N] t) { t = StringConcat(s, s) }"

OFFERED = onnxruntime.get_available_providers()
openvino = pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in OFFERED and "openvino" not in plugins.names(), reason="no OpenVINO here"
)
built_in = pytest.mark.skipif("OpenVINOExecutionProvider" not in OFFERED, reason="this build has no OpenVINO")
recorded = pytest.mark.skipif(not placement.recorded(), reason="this onnxruntime keeps no record of placement")


def no_gpu() -> bool:
    try:
        return not nvidia.gpus()
    except DeviceError:
        return True


cuda_without_gpu = pytest.mark.skipif(
    "CUDAExecutionProvider" not in OFFERED or not no_gpu(), reason="needs a build with CUDA on a machine without a GPU"
)


@openvino
@pytest.mark.parametrize("device", ["openvino", "openvino:CPU", "auto"])
def test_openvino_comes_up_and_answers(device: str, graph: Callable[..., bytes]) -> None:
    session = open_session(graph(NEGATE), device=device, threads=1)
    assert session.device == ("openvino" if device == "auto" else device)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(session.run({"x": x})["y"], -x)


@openvino
@recorded
def test_openvinos_nodes_are_counted_and_those_left_to_the_cpu(graph: Callable[..., bytes]) -> None:
    assert open_session(graph(NEGATE), device="openvino").placement().nodes == {"openvino": {"Neg": 1}}
    mixed = open_session(graph(MIXED), device="openvino").placement()
    assert mixed.nodes == {"openvino": {"Neg": 1}, "cpu": {"StringConcat": 1}}
    assert mixed.left_behind() == {"cpu": {"StringConcat": 1}}


@openvino
def test_strict_placement_refuses_nodes_that_are_left_to_the_cpu(graph: Callable[..., bytes]) -> None:
    assert open_session(graph(NEGATE), device="openvino", placement="strict").device == "openvino"
    with pytest.raises(DeviceError, match='does not run on device "openvino" alone') as caught:
        open_session(graph(MIXED), device="openvino", placement="strict")
    assert not placement.recorded() or "cpu: 1 node (StringConcat)" in str(caught.value)


@openvino
@recorded
def test_a_device_that_comes_up_and_runs_nothing_is_refused(graph: Callable[..., bytes]) -> None:
    with pytest.raises(DeviceError, match="came up and runs nothing of the model: cpu: 1 node"):
        open_session(graph(STRINGS), device="openvino")
    assert open_session(graph(STRINGS), device="openvino", fallback=["cpu"]).device == "cpu"


@openvino
def test_an_option_openvino_does_not_know_is_refused_with_the_nearest(graph: Callable[..., bytes]) -> None:
    with pytest.raises(DeviceError, match='device "openvino" has no option "cache_dirs"') as caught:
        open_session(graph(NEGATE), device="openvino", options={"cache_dirs": "/tmp"})
    assert caught.value.hint == 'did you mean "cache_dir"?'


@openvino
def test_an_option_reaches_openvino(graph: Callable[..., bytes], tmp_path: Path) -> None:
    open_session(graph(NEGATE), device="openvino", options={"cache_dir": str(tmp_path)})
    assert list(tmp_path.rglob("*.blob"))


@built_in
def test_a_device_openvino_does_not_find_is_refused_in_its_words(graph: Callable[..., bytes]) -> None:
    with pytest.raises(DeviceError) as caught:
        open_session(graph(NEGATE), device="openvino:GPU.77")
    assert str(caught.value).startswith('asked for device "openvino:GPU.77", but the session came up on "cpu": ')
    assert "GPU.77 is not available" in str(caught.value)


COUNTING = """
import os, sys
import numpy as np
from edgekit.runtime.session import open_session

before = len(os.listdir("/proc/self/task"))
own = {"num_of_threads": sys.argv[2]} if sys.argv[2:] else None
session = open_session(sys.argv[1], device="openvino", threads=1, options=own)
for _ in range(20):
    session.run({"x": np.ones((256, 256), np.float32)})
sys.stdout.write(str(len(os.listdir("/proc/self/task")) - before))
"""


@openvino
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_openvino_takes_the_threads_asked_for_and_not_all_there_are(
    graph: Callable[..., bytes], tmp_path: Path
) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this process has one core")
    path = tmp_path / "m.onnx"
    path.write_bytes(graph("(float[256,256] x) => (float[256,256] y) { a = MatMul(x, x) y = MatMul(a, x) }"))

    def started(*own: str) -> int:  # in a process of its own: OpenVINO keeps the threads it has
        command = [sys.executable, "-c", COUNTING, str(path), *own]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert started() < started("2")


@cuda_without_gpu
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "tensorrt"])
def test_cuda_that_cannot_load_is_refused_in_the_loaders_words_before_any_session(
    device: str, graph: Callable[..., bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DeviceError) as caught:
        open_session(graph(NEGATE), device=device)
    said = str(caught.value)
    assert f'asked for device "{device}", but its provider does not load: lib' in said and ".so" in said
    assert caught.value.hint and "onnxruntime_src" not in said
    assert capfd.readouterr() == ("", "")


@cuda_without_gpu
def test_a_fallback_that_was_written_is_taken_and_the_reason_kept(graph: Callable[..., bytes]) -> None:
    session = open_session(graph(NEGATE), device="cuda", fallback=["cpu"])
    assert session.device == "cpu" and "does not load" in session.refused["cuda"]
    assert "does not load" in repr(session)


def test_auto_says_what_it_passed_over_and_why(graph: Callable[..., bytes]) -> None:
    session = open_session(graph(NEGATE), device="auto")
    order = ["cuda", "openvino", "cpu"]
    assert list(session.refused) == order[: order.index(session.device)]
    assert all(session.refused.values())


def test_where_no_device_runs_every_reason_is_told(graph: Callable[..., bytes]) -> None:
    if not no_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError) as caught:
        open_session(graph(NEGATE), device="cuda:1", fallback=["tensorrt:1"])
    assert '"cuda:1"' in str(caught.value) and '"tensorrt:1"' in str(caught.value)


@recorded
def test_the_cpus_nodes_are_counted_too(graph: Callable[..., bytes]) -> None:
    session = open_session(graph("(float[N] x) => (float[N] y) { a = Neg(x) y = Add(a, x) }"))
    assert session.placement().nodes == {"cpu": {"Neg": 1, "Add": 1}}
    assert open_session(graph(NEGATE), placement="strict").device == "cpu"


@pytest.mark.skipif(placement.recorded(), reason="this onnxruntime keeps a record of placement")
def test_an_older_onnxruntime_says_that_it_keeps_no_record(graph: Callable[..., bytes]) -> None:
    with pytest.raises(DeviceError, match=r"keeps no record"):
        open_session(graph(NEGATE)).placement()


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("placement", {"placement": "loose"}),
        ("options", {"device": "auto", "options": {"a": 1}}),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    said: str, settings: dict[str, Any], graph: Callable[..., bytes]
) -> None:
    with pytest.raises(UsageError, match=said):
        open_session(graph(NEGATE), **settings)


def test_a_broken_model_is_the_models_fault_whatever_the_device(graph: Callable[..., bytes]) -> None:
    for device in ("cpu", "auto"):
        with pytest.raises(BundleError, match="damaged, or no ONNX file"):
            open_session(b"nonsense", device=device, fallback=() if device == "auto" else ["cpu"])


def opening(**settings: Any) -> Opening:
    asked = {"content": b"", "name": "it", "threads": 1, "optimize": True, "spinning": True, "strict": False}
    return Opening(**{**asked, "cuda_helps": False, "shapes": None, "inputs": None, **settings})


@pytest.mark.parametrize(
    ("nodes", "settings", "said"),
    [
        ({"cpu": {"Conv": 2}}, {}, "runs nothing of it: cpu: 2 nodes (2 Conv)"),
        ({"cuda": {"Conv": 2}}, {}, "runs nothing of it: cuda"),
        ({"tensorrt": {"Conv": 2}, "cpu": {"TopK": 1}}, {"strict": True, "cuda_helps": True}, "cpu: 1 node (TopK)"),
        ({"tensorrt": {"Conv": 2}, "cuda": {"TopK": 1}}, {"strict": True}, "cuda: 1 node (TopK)"),
        ({"tensorrt": {"Conv": 2}, "cuda": {"TopK": 1}}, {"strict": True, "cuda_helps": True}, None),
        ({"tensorrt": {"Conv": 2}, "cpu": {"TopK": 1}}, {}, None),
        ({}, {"strict": True}, None),
    ],
    ids=["nothing", "all-left", "left-to-cpu", "left-to-cuda", "cuda-helps", "not-strict", "no-nodes"],
)
def test_tensorrt_must_run_something_and_where_strict_everything(
    nodes: dict[str, dict[str, int]], settings: dict[str, bool], said: str | None
) -> None:
    placed = placement.Placement("tensorrt", nodes)
    if said is None:
        opening(**settings)._look(Device("tensorrt"), placed)
        return
    with pytest.raises(DeviceError) as caught:
        opening(**settings)._look(Device("tensorrt"), placed)
    assert said in str(caught.value)
    assert ('fallback=["cuda"]' in str(caught.value.hint)) == ("cuda" in said and "strict" in settings)


def test_a_session_that_comes_up_elsewhere_is_refused(
    graph: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As onnxruntime does it: the device is asked for, and what comes is the CPU.
    request = Request("CUDAExecutionProvider", [("CPUExecutionProvider", {})])
    monkeypatch.setattr(providers, "request", lambda *given, **more: request)
    with pytest.raises(DeviceError, match='asked for device "cuda", but the session came up on "cpu"'):
        open_session(graph(NEGATE), device="cuda")


def test_what_onnxruntime_said_meanwhile_is_told() -> None:
    error = _elsewhere(Device("cuda", "1"), "CPUExecutionProvider", "no such thing")
    assert str(error) == 'asked for device "cuda:1", but the session came up on "cpu": no such thing'
    assert _elsewhere(Device("mlx"), "OtherExecutionProvider", "").hint


def test_a_symbolic_dimension_that_is_computed_has_no_name(graph: Callable[..., bytes]) -> None:
    model = onnx.load_model_from_string(graph("(float[N,3] x) => (float[M,3] y) { y = Concat<axis = 0>(x, x) }"))
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "2*s0"
    assert str(open_session(model.SerializeToString()).outputs[0]) == "y: float32[_,3]"


def test_load_passes_on_how_a_model_is_to_be_opened(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(bundle, "open_session", lambda *a, **settings: asked.append(settings) or open_session(*a))
    bundle.load(vectors)
    bundle.load(vectors, fallback=["cpu"], placement="strict", options={"a": 1}, spinning=False, max_batch=8)
    bundle.load(vectors, max_batch=8, shapes={"N": (2, 3, 4)})
    assert [str(tensor) for tensor in asked[0].pop("inputs")] == ["x: float32[N,3]"]
    assert asked[0] == {"fallback": (), "placement": "any", "options": None, "shapes": None, "spinning": True}
    assert asked[1]["shapes"] == {"N": (1, 8, 8)} and asked[1]["options"] == {"a": 1}
    assert (asked[1]["fallback"], asked[1]["placement"], asked[1]["spinning"]) == (["cpu"], "strict", False)
    assert asked[2]["shapes"] == {"N": (2, 3, 4)}


@recorded
def test_a_model_says_its_placement(vectors: Path) -> None:
    assert bundle.load(vectors).placement().nodes == {"cpu": {"Softmax": 1}}

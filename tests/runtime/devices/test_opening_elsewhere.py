"""What comes up on other providers than the CPU's: `make test-wheels` brings the onnxruntimes that have them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgekit.errors import DeviceError
from edgekit.runtime.devices import nvidia, placement, plugins
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
from edgekit.signature import Tensor

before = len(os.listdir("/proc/self/task"))
session = open_session(sys.argv[1], device="openvino", threads=int(sys.argv[2]))
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

    def started(threads: int) -> int:  # in a process of its own: OpenVINO keeps the threads it has
        command = [sys.executable, "-c", COUNTING, str(path), str(threads)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert started(1) < started(2)


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


@pytest.mark.parametrize(
    ("device", "given", "said"),
    [
        pytest.param("openvino:GPU.77", None, "GPU.77 is not available", marks=built_in),
        pytest.param(
            "openvino", {"load_config": '{"CPU": {"NOPE": "2"}}'}, "Unsupported property NOPE", marks=openvino
        ),
    ],
    ids=["device", "option"],
)
def test_onnxruntimes_own_lines_stand_in_the_error_and_not_beside_it(
    device: str,
    given: dict[str, object] | None,
    said: str,
    graph: Callable[..., bytes],
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(DeviceError, match=said) as caught:
        open_session(graph(NEGATE), device=device, options=given)
    assert capfd.readouterr() == ("", "") and len(str(caught.value)) < 300

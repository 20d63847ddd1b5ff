from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

import pytest

from edgekit.runtime.reasons import listening, reason, unknown_option

LINE = (
    "\x1b[1;31m2026-11-22 17:19:28 [E:onnxruntime:Default, provider_bridge_ort.cc:2310 Create] "
    "/onnxruntime/core/openvino_provider_factory.cc:141 std::string onnxruntime::Parse(std::map<int>, const int&) "
    "[ERROR] [OpenVINO] Device GPU is not available\n\x1b[m\n"
)


WARNING = b"\x1b[0;93m2026-11-22 17:19:28 [W:onnxruntime:Default, a.cc:1 f] a warning\x1b[m\n"


def test_what_onnxruntime_writes_past_python_before_it_fails_is_heard_and_the_rest_goes_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError), listening() as said:
        os.write(2, LINE.encode())
        os.write(2, b"a line of somebody else\n")
        os.write(2, WARNING)
        os.write(2, b"2026-11-22 17:19:28 [E:onnxruntime:, b.cc:2 g] without colour\n")
        os.write(2, LINE.encode())
        raise RuntimeError("it failed")
    assert said == ["Device GPU is not available", "without colour"]
    assert capfd.readouterr().err == "a line of somebody else\n"
    sys.stderr.write("still there\n")
    assert capfd.readouterr().err == "still there\n"


def test_what_onnxruntime_writes_and_goes_on_comes_out_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with listening() as said:
        os.write(2, LINE.encode() + WARNING)
        assert capfd.readouterr().err == ""
    assert said == []
    assert capfd.readouterr().err == LINE + WARNING.decode()


def test_two_threads_that_listen_at_once_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []

    def listen(number: int) -> None:
        for _ in range(20):
            with contextlib.suppress(RuntimeError), listening() as said:
                os.write(2, LINE.replace("GPU", f"GPU.{number}").encode())
                time.sleep(0.001)
                raise RuntimeError
            heard.extend(said)

    threads = [threading.Thread(target=listen, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [f"Device GPU.{number} is not available" for number in range(4) for _ in range(20)]
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"


NESTED = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: "
    "/onnxruntime/basic_backend.cc:136 onnxruntime::BasicBackend::BasicBackend(const int&) "
    f"/onnxruntime/ov_interface.cc:28 auto OvExceptionBoundary({'const std::string&, ' * 20}) "
    "Exception from src/inference/core.cpp:114:\nException from src/plugins/intel_cpu/src/config.cpp:475:\n"
    "NotFound: Unsupported property NOPE by CPU plugin.\n\n"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (NESTED, "NotFound: Unsupported property NOPE by CPU plugin."),
        (f"{'x' * 400} the cause", f"...{'x' * 290} the cause"),
        (f"/a/b.cc:1 f(int) {'x' * 400} /a/c.cc:2", f"...{'x' * 290} /a/c.cc:2"),
        ("[ONNXRuntimeError] : 1 : FAIL : /a/b.cc:12 void f(int) const it broke", "it broke"),
        ("Exception from src/core.cpp:114: it broke", "it broke"),
    ],
    ids=["source-lines", "long", "nothing-after", "codes", "openvino"],
)
def test_the_cause_stands_last_and_is_kept(said: str, told: str) -> None:
    assert reason(RuntimeError(said)) == told


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ('FAIL : provider_options_utils.h:182 Parse Unknown provider option: "nonsense".', "nonsense"),
        ("onnxruntime::ProviderOptionsMap&) Invalid OpenVINO EP option: num_of_thread\n", "num_of_thread"),
        ("onnxruntime::ProviderOptionsMap&) Invalid TensorRT EP option: trt_fp17_enable\n", "trt_fp17_enable"),
        ("something else", None),
    ],
    ids=["cuda", "openvino", "tensorrt", "another"],
)
def test_the_option_a_provider_refused_is_found(said: str, option: str | None) -> None:
    assert unknown_option(RuntimeError(said)) == option

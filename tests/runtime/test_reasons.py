from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from edgekit.runtime.reasons import heard, unknown_option

LINE = (
    "\x1b[1;31m2026-11-22 17:19:28 [E:onnxruntime:Default, provider_bridge_ort.cc:2310 Create] "
    "/onnxruntime/core/openvino_provider_factory.cc:141 std::string onnxruntime::Parse(std::map<int>, const int&) "
    "[ERROR] [OpenVINO] Device GPU is not available\n\x1b[m\n"
)


def test_what_onnxruntime_writes_past_python_is_heard_and_the_rest_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    def speak() -> None:
        os.write(2, LINE.encode())
        os.write(2, b"a line of somebody else\n")
        os.write(2, b"[0;93m2026 [W:onnxruntime:Default, a.cc:1] a warning\n")
        os.write(2, LINE.encode())

    assert heard(speak) == "Device GPU is not available"
    assert capfd.readouterr().err == "a line of somebody else\n"
    sys.stderr.write("still there\n")
    assert capfd.readouterr().err == "still there\n"


def test_an_action_that_fails_is_heard_too(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, LINE.encode())
        raise RuntimeError("as it did before")

    assert heard(fail) == "Device GPU is not available"
    assert capfd.readouterr().err == ""


def test_two_threads_that_listen_at_once_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def listen(number: int) -> None:
        line = LINE.replace("GPU", f"GPU.{number}").encode()
        for _ in range(20):
            said.append(heard(lambda: (os.write(2, line), time.sleep(0.001))))

    threads = [threading.Thread(target=listen, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [f"Device GPU.{number} is not available" for number in range(4) for _ in range(20)]
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"


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

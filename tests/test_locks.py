from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit import locks
from edgekit.errors import StorageError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no POSIX file locks")

HOLD = """
with locks.exclusive(Path(PATH)):
    print("held", flush=True)
    time.sleep(60)
"""
TRAIN = """
device, end = locks.Device("cpu"), time.monotonic() + 20
while time.monotonic() < end:
    with device.busy():
        print("busy", flush=True)
        time.sleep(0.01)
"""
WORK = """
with locks.Device("cpu").busy():
    print("busy", flush=True)
    time.sleep(60)
"""
MEASURE = WORK.replace("busy", "quiet")
MEASURE_ONCE = MEASURE.replace("time.sleep(60)", "")

Process = subprocess.Popen[str]


@pytest.fixture
def spawn() -> Iterator[Callable[[str], Process]]:
    """Run some lines of Python in a process of their own, which ends with the test."""
    running: list[Process] = []

    def begin(code: str) -> Process:
        head = "import time\nfrom pathlib import Path\nfrom edgekit import locks\n"
        environment = os.environ | {"PYTHONPATH": str(Path(locks.__file__).parents[1])}
        process = subprocess.Popen(
            [sys.executable, "-c", head + code], stdout=subprocess.PIPE, text=True, env=environment
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def start(spawn: Callable[[str], Process]) -> Callable[[str], Process]:
    """Do the same, and wait for the first line that it prints."""

    def begin(code: str) -> Process:
        process = spawn(code)
        assert process.stdout
        assert process.stdout.readline()
        return process

    return begin


def hold(path: Path) -> str:
    return HOLD.replace("PATH", repr(str(path)))


def test_a_lock_that_another_process_has_is_waited_for(start, tmp_path):
    path = tmp_path / "run" / ".lock"
    holder = start(hold(path))
    assert locks.held(path)
    said = []

    def waiting() -> None:
        said.append("waiting")
        holder.kill()  # only now: what comes next proves that it was waited for

    with locks.exclusive(path, waiting):
        assert holder.wait() == -signal.SIGKILL
    assert said == ["waiting"]


def test_a_free_lock_is_taken_without_a_word(tmp_path):
    path = tmp_path / ".lock"
    assert not locks.held(path)
    for _ in range(2):
        with locks.exclusive(path, lambda: pytest.fail("nobody has it")):
            assert locks.held(path)
        assert not locks.held(path)


def test_a_lock_is_let_go_when_the_work_fails(tmp_path):
    with pytest.raises(RuntimeError), locks.exclusive(tmp_path / ".lock"):
        raise RuntimeError
    assert not locks.held(tmp_path / ".lock")


def test_a_holder_that_is_killed_lets_go(start, tmp_path):
    holder = start(hold(tmp_path / ".lock"))
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not locks.held(tmp_path / ".lock")


def test_a_measurement_gets_in_between_trainings_that_are_always_busy(start):
    for _ in range(4):
        start(TRAIN)
    device = locks.Device("cpu")
    waits = []
    for _ in range(30):
        began = time.monotonic()
        with device.quiet():
            waits.append(time.monotonic() - began)
    device.close()
    assert max(waits) < 2  # without a turnstile it is as long as they go on


def test_a_measurement_waits_for_the_step_that_is_being_taken(start, spawn):
    working = start(WORK)
    measuring = spawn(MEASURE_ONCE)
    with pytest.raises(subprocess.TimeoutExpired):
        measuring.wait(timeout=1.0)
    working.kill()
    assert measuring.communicate(timeout=60)[0] == "quiet\n"


def test_trainings_work_beside_each_other(start):
    start(WORK)
    device = locks.Device("cpu")
    with device.busy():
        pass
    device.close()


def test_a_training_waits_for_a_measurement_and_goes_on_when_it_is_killed(start, spawn):
    measuring = start(MEASURE)
    training = spawn(WORK.replace("time.sleep(60)", ""))
    with pytest.raises(subprocess.TimeoutExpired):
        training.wait(timeout=1.0)
    measuring.kill()
    assert training.communicate(timeout=60)[0] == "busy\n"


def test_two_measurements_are_never_at_the_same_time(start, spawn):
    start(MEASURE)
    second = spawn(MEASURE_ONCE)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=0.5)


def test_another_device_is_another_lock(start):
    start(MEASURE)
    other = locks.Device("cuda:1")
    with other.quiet():
        pass
    other.close()


def test_a_device_may_be_busy_again_and_again_and_then_quiet():
    device = locks.Device("openvino:NPU")
    for _ in range(3):
        with device.busy():
            pass
        with device.quiet():
            pass
    with pytest.raises(RuntimeError), device.quiet():
        raise RuntimeError
    with device.busy():
        pass
    device.close()


def test_a_place_where_no_lock_can_lie_is_an_error(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError, match="runs"), locks.exclusive(tmp_path / "runs" / ".lock"):
        pass

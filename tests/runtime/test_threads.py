from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from edgekit import hardware
from edgekit.errors import UsageError
from edgekit.runtime import threads
from edgekit.runtime.session import open_session

NEGATE = "(float[N,3] x) => (float[N,3] y) { y = Neg(x) }"


@pytest.mark.parametrize(("cores", "count"), [(0.5, 1), (1.0, 1), (1.5, 1), (2.0, 2), (63.9, 63)])
def test_a_quota_is_never_used_up_by_threads_that_compute(
    cores: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: cores)
    assert threads.usable() == count


def test_a_container_of_one_and_a_half_cores_opens_a_session_of_one_thread(
    graph: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    quota = hardware.cgroup_quota("0::/\n", tmp_path)
    monkeypatch.setattr(hardware, "cgroup_quota", lambda text, root: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    assert open_session(graph(NEGATE)).threads == 1


def test_threads_written_are_threads_taken(graph: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: 1.0)
    assert open_session(graph(NEGATE), threads=3).threads == 3


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (-1, "-1"), (True, "True"), (1.5, "1.5"), ("2", '"2"')], ids=str
)
def test_what_is_no_number_of_threads_is_refused_as_it_was_written(count: Any, shown: str) -> None:
    with pytest.raises(UsageError, match=f"threads is {shown}, not a positive whole number"):
        threads.settle(onnxruntime.SessionOptions(), count, True)


@pytest.mark.parametrize("spinning", [True, False])
def test_threads_spin_unless_told_not_to(spinning: bool) -> None:
    options = onnxruntime.SessionOptions()
    assert threads.settle(options, 2, spinning) == 2
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    if spinning:
        with pytest.raises(RuntimeError, match="allow_spinning"):  # not set: onnxruntime spins by itself
            options.get_session_config_entry("session.intra_op.allow_spinning")
    else:
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


SHARING = """
import os, sys
import onnxruntime
from edgekit.errors import UsageError
from edgekit.runtime.session import open_session
from edgekit.runtime.threads import share

def count():
    return len(os.listdir("/proc/self/task"))

onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])  # whatever it starts for itself
assert share(4) == 4
before = count()
sessions = [open_session(sys.argv[1]) for _ in range(20)]
assert count() == before, (before, count())
assert {session.threads for session in sessions} == {4}
assert share(4) == 4  # again
for wrong in (lambda: share(2), lambda: open_session(sys.argv[1], threads=2)):
    try:
        wrong()
    except UsageError as error:
        assert "4" in str(error)
    else:
        raise AssertionError("a second size was taken")
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_many_sessions_share_one_pool(graph: Callable[..., bytes], tmp_path: Path) -> None:
    if not hasattr(onnxruntime, "set_global_thread_pool_sizes"):
        with pytest.raises(UsageError, match="cannot share threads"):
            threads.share(4)
        return
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(NEGATE))
    # In a process of its own: a pool that is shared cannot be given back.
    done = subprocess.run([sys.executable, "-c", SHARING, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

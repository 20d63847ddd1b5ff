"""The worker's end, with the interpreter or in a fork, whatever it was doing: each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

OPEN = """
import sys, threading, time
import numpy as np
import edgekit
model = edgekit.load(sys.argv[1], threads=1)
x = np.ones((1, 512), np.float32)
"""
# Rows of work for some hundredths of a second: a run that is under way when the interpreter ends.
LONG = "heavy = np.ones((5_000, 512), np.float32)\n"
ENDINGS = {
    "never used": "batcher = edgekit.Batcher(model)",
    "idle": "batcher = edgekit.Batcher(model); batcher(x)",
    "waiting": "batcher = edgekit.Batcher(model, max_delay_ms=60_000); batcher.submit(x)",
    "running": LONG + "batcher = edgekit.Batcher(model); batcher.submit(heavy); time.sleep(0.01)",
    "running and waiting": LONG + "batcher = edgekit.Batcher(model); [batcher.submit(heavy) for _ in range(500)]",
    "running many": "batcher = edgekit.Batcher(model, max_batch=1, max_queue=5000)\n"
    "[batcher.submit(x) for _ in range(5000)]",
    "dropped while it runs": LONG + "edgekit.Batcher(model).submit(heavy); time.sleep(0.01)",
    "error": LONG + "batcher = edgekit.Batcher(model); batcher.submit(heavy); sys.exit(3)",
    "callers that are daemons": "batcher = edgekit.Batcher(model)\n"
    "def ask():\n    try:\n        while True: batcher(x)\n    except Exception: pass\n"
    "[threading.Thread(target=ask, daemon=True).start() for _ in range(4)]; time.sleep(0.05)",
    "callers that are not": "batcher = edgekit.Batcher(model)\n"
    "def ask():\n    [batcher(x) for _ in range(200)]; print('answered', end='')\n"
    "threading.Thread(target=ask).start()",
    "a loop that was left": "import asyncio\nbatcher = edgekit.Batcher(model, max_delay_ms=60_000)\n"
    "async def main():\n    task = asyncio.create_task(batcher.ask(x)); await asyncio.sleep(0.02)\n"
    "asyncio.run(main())",
    "many": "batchers = [edgekit.Batcher(model) for _ in range(20)]; [batcher.submit(x) for batcher in batchers]",
}


@pytest.fixture
def net(graph: Callable[..., bytes], tmp_path: Path) -> Path:
    text = "(float[N,512] x) => (float[N,512] y) { t = Transpose(x) s = MatMul(t, x) y = MatMul(x, s) }"
    path = tmp_path / "net.onnx"
    path.write_bytes(graph(text))
    return path


def run(code: str, net: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OPEN + code, str(net)], capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
def test_the_interpreter_ends_cleanly_with_a_batcher_that_is(code: str, net: Path) -> None:
    done = run(code, net)
    assert (done.returncode, done.stderr) == (3 * ("sys.exit(3)" in code), "")
    if "answered" in code:
        assert done.stdout == "answered"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_told_that_the_batcher_stayed_behind(net: Path) -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of threads when it forks
used, fresh = edgekit.Batcher(model), edgekit.Batcher(model)
used(x)
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
try:
    used(x)
except edgekit.EdgekitError as error:
    print(error)
print(fresh(x)["y"].shape, flush=True)
os._exit(0)  # as multiprocessing does: onnxruntime itself may hang at the ordinary exit of a fork
"""
    done = run(code, net)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["this process is a fork of the one the batcher works in", "(1, 512)"]


def test_threads_futures_and_asyncio_wait_for_the_first_batcher(net: Path) -> None:
    code = """
bare = {"edgekit.runtime.batcher", "edgekit.runtime.joining", "concurrent.futures", "asyncio"}
model(x)
print(sorted(bare & set(sys.modules)))
edgekit.Batcher(model)(x)
print(sorted(bare & set(sys.modules)))
"""
    done = run(code, net)
    before, after = done.stdout.splitlines()
    assert (before, after) == ("[]", "['concurrent.futures', 'edgekit.runtime.batcher', 'edgekit.runtime.joining']")

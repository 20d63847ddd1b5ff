"""Calls, and loading and closing, leave nothing behind: measured in a process of its own, after a warm-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import edgekit

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
MOST = 2_000_000  # bytes
MEASURE = """
import json, os, sys
import numpy as np
import edgekit

path, calls, loads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
page = os.sysconf("SC_PAGESIZE")

def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * page

def grown(work, warm_up, times):
    for _ in range(warm_up):
        work()
    before = resident()
    for _ in range(times):
        work()
    return resident() - before

def cycle():
    with edgekit.load(path, threads=1) as model, model.bind(feeds) as bound:
        model(feeds)
        bound.run()

feeds = {"x": np.ones((4, 64), np.float32)}
model = edgekit.load(path, threads=1)
bound = model.bind(feeds)
print(json.dumps({
    "model(feeds)": grown(lambda: model(feeds), calls // 20, calls),
    "bound.run()": grown(bound.run, calls // 20, calls),
    "load and close": grown(cycle, max(loads // 5, 30), loads),
}))
"""


def measure(path: Path, calls: int, loads: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(calls), str(loads)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(edgekit.__file__).parent.parent)},
    )
    assert done.stderr == ""  # nor is there a word when it ends with live sessions
    grown: dict[str, int] = json.loads(done.stdout)
    return grown


@pytest.fixture
def wide(bundle: Callable[..., Path]) -> Path:
    """A bundle of half a megabyte."""
    weights = ", ".join("0.01" for _ in range(64 * 512))
    text = (
        f"(float[N,64] x) => (float[N,64] y) <float[64,512] w = {{{weights}}}, float[512,64] v = {{{weights}}}>"
        "{ h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }"
    )
    return bundle(text, "custom", ["x: float32[N,64]"], ["y: float32[N,64]"])


def test_calls_and_loads_leave_nothing_behind(wide: Path) -> None:
    grown = measure(wide, calls=10_000, loads=60)
    assert {name: size for name, size in grown.items() if size >= MOST} == {}


@pytest.mark.slow
def test_200_000_calls_and_500_loads_leave_nothing_behind(wide: Path) -> None:
    grown = measure(wide, calls=200_000, loads=500)
    assert {name: size for name, size in grown.items() if size >= MOST} == {}

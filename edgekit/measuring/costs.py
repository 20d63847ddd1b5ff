"""What an ONNX model costs beside its time: loading it, the memory it takes, the energy of a request.

Each is found in a process of its own, which has onnxruntime and nothing else: in this one, memory is everybody's. The
module is also what that process runs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.measuring.energy import Meter
from edgekit.runtime.bundle import load
from edgekit.runtime.session import open_session

_ROOT = Path(__file__).parents[2]
_PATIENCE = 120.0  # seconds for one process
_LOADS, _LOADING_MS = 5, 200.0  # so often it is loaded again, while that takes no longer
_ENERGY_SECONDS = 0.5  # a counter ticks about every millisecond
# The least of models, x -> Identity -> x. The first session of a process brings up 9 MB of onnxruntime itself.
_NOTHING = bytes.fromhex(
    "08083a390a100a017812017922084964656e746974791201745a100a0178120b0a09080112050a0312014e"
    "62100a0179120b0a09080112050a0312014e42040a001011"
)


def costs(path: Path, files: Sequence[Path], feeds: Mapping[str, Any], device: str, threads: int) -> dict[str, Any]:
    """Return what the model at `path` costs on `feeds`; {"error": ...} where no process could tell.

    "load_cold_ms": opening it first of all in a new process, its `files` dropped from the page cache before where the
    system allows it ("dropped"); "load_warm_ms": opening it again, the median of a few times. "peak_bytes": by how much
    the most memory that the process had at once grew while the model was opened and run, onnxruntime's own not counted;
    None where the system does not tell. "energy_mj": of a request, in millijoules, all that the processor used
    meanwhile; None where it is not counted.
    """
    return _told(path, files, feeds, device, threads, ("loading", "running"))


def memory(path: Path, feeds: Mapping[str, Any], device: str, threads: int) -> dict[str, Any]:
    """Return "peak_bytes" alone, as `costs` does; {"error": ...} where no process could tell."""
    return _told(path, (), feeds, device, threads, ("running",))


def _told(
    path: Path, files: Sequence[Path], feeds: Mapping[str, Any], device: str, threads: int, parts: Sequence[str]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "feeds.npz"
        np.savez(arrays, *map(_plain, feeds.values()))
        asked: dict[str, Any] = {"path": str(path), "device": device, "threads": threads, "feeds": str(arrays)}
        asked |= {"files": [str(file) for file in files], "names": list(feeds)}
        found: dict[str, Any] = {}
        for what in parts:
            found |= _in_a_process({**asked, "what": what})
    return found


def _in_a_process(asked: dict[str, Any]) -> dict[str, Any]:
    # Not the current folder, where anything may lie, but where this edgekit was found goes on its path.
    code = f"import sys; sys.path.append({str(_ROOT)!r}); from edgekit.measuring import costs; costs.answer()"
    command = [sys.executable, "-P", "-c", code, json.dumps(asked)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"it took longer than {_PATIENCE:.0f} s"}
    except OSError as error:
        return {"error": f"no process could be started: {error}"}
    try:
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": f"its process ended without an answer: {last[:200]}"}
    return said


def answer() -> None:
    """Find what the command line asks for, and print it."""
    asked = json.loads(sys.argv[1])
    found = {"loading": loading, "running": running}[asked["what"]](asked)
    sys.stdout.write(json.dumps(found) + "\n")


def loading(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Open the model first of all, and again a few times."""
    dropped = [_drop(Path(file)) for file in asked["files"]]
    times: list[float] = []
    while len(times) < 2 or (len(times) <= _LOADS and sum(times) < _LOADING_MS):
        began = time.perf_counter()
        model = load(asked["path"], device=asked["device"], threads=asked["threads"], tuned=False)
        times.append(1e3 * (time.perf_counter() - began))
        model.close()
    return {"load_cold_ms": times[0], "load_warm_ms": statistics.median(times[1:]), "dropped": all(dropped)}


def running(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Open the model and run it, and say what that took of memory and energy."""
    arrays = np.load(asked["feeds"], allow_pickle=False).values()
    feeds = {
        name: array.astype(object) if array.dtype.kind == "U" else array
        for name, array in zip(asked["names"], arrays, strict=True)
    }
    open_session(_NOTHING, threads=asked["threads"]).run({"x": np.zeros(1, np.float32)})
    before = _peak(reset=True)
    model = load(asked["path"], device=asked["device"], threads=asked["threads"], tuned=False)
    for _ in range(2):
        model.session.run(feeds)
    after = _peak()
    meter = Meter()
    energy = None if meter.why_not else _energy(meter, lambda: model.session.run(feeds))
    return {"peak_bytes": None if before is None or after is None else after - before, "energy_mj": energy}


def _energy(meter: Meter, call: Any) -> float | None:
    count, began, before = 0, time.perf_counter(), meter.read()
    while not count or time.perf_counter() - began < _ENERGY_SECONDS:
        call()
        count += 1
    joules = meter.between(before, meter.read())
    return None if joules is None else 1e3 * joules / count


def _drop(file: Path) -> bool:
    """Ask the system to forget what it keeps of a file in memory, so that it comes from the disk."""
    if not hasattr(os, "posix_fadvise"):
        return False
    with file.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def _peak(reset: bool = False) -> int | None:
    """Return the most memory that this process ever had at once, in bytes; `reset`: since now."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def _plain(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(str) if array.dtype == object else array

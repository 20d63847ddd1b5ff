"""A whole run by several processes, as a launcher starts them: it is killed, and goes on with another number."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ACCELERATE = [
    "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "PORT",
]  # fmt: skip
TRAININGS = ["stages.distill.epochs=60", "teacher.train.epochs=2"]


def torchrun(processes: int) -> list[str]:
    return ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "PORT"]


def start(tiny: Path, launcher: list[str]) -> subprocess.Popen[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    launcher = [port if word == "PORT" else word for word in launcher]
    command = [sys.executable, *launcher, "-m", "edgekit", "distill", str(tiny), *TRAININGS, "--runs", "runs"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        command, cwd=tiny.parent, env=environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


def history(tiny: Path) -> list[dict]:
    found = list(tiny.parent.glob("runs/tiny/*/distill/history.jsonl"))
    return [json.loads(line) for line in found[0].read_text().splitlines()] if found else []


def process_of_rank(launched: subprocess.Popen[str], rank: int) -> int:
    """Return the id of the process of `rank` among the launcher's children."""
    for told in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(told.read_text().rpartition(")")[2].split()[1])
            environment = (told.parent / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == launched.pid and f"RANK={rank}".encode() in environment:
            return int(told.parent.name)
    raise AssertionError(f"no process of rank {rank}")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the processes in /proc")
@pytest.mark.parametrize(("then", "processes"), [([], None), (torchrun(3), 3)], ids=["one", "three"])
def test_a_run_whose_process_was_killed_says_so_and_goes_on_with_another_number_of_processes(tiny, then, processes):
    launched = start(tiny, torchrun(2))
    until = time.monotonic() + 120
    while len(history(tiny)) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process_of_rank(launched, 1), signal.SIGKILL)
    _, said = launched.communicate(timeout=60)
    assert launched.returncode
    assert "error: another process of this launch is gone" in said, said
    assert "start the same command again" in said
    before = history(tiny)
    assert 3 <= len(before) < 60

    _, said = start(tiny, then).communicate(timeout=240)
    assert f"distill: going on after epoch {len(before)} of 60" in said
    after = history(tiny)
    assert after[: len(before)] == before
    assert {line.get("processes") for line in before} == {2}
    assert {line.get("processes") for line in after[len(before) :]} == {processes}
    assert len(after) == 60


@pytest.mark.slow
def test_accelerate_launches_a_run_and_one_process_alone_talks_and_writes(tiny):
    pytest.importorskip("accelerate")
    launched = start(tiny, ACCELERATE)
    out, said = launched.communicate(timeout=240)
    assert launched.returncode == 0, said
    assert said.count("tiny: loading PyTorch and the data") == 1
    assert out.count("bundle: ") == 1
    run = json.loads(next(tiny.parent.glob("runs/tiny/*/run.json")).read_text())
    assert [stage["id"] for stage in run["stages"]] == ["teacher", "student", "distill", "prune", "quantize"]
    assert {line["processes"] for line in history(tiny)} == {2}
    _, said = start(tiny, []).communicate(timeout=120)
    assert "distill: finished before" in said
    assert "prune: finished before" in said


def test_verbs_that_work_alone_refuse_to_be_launched_twice():
    told = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "edgekit", "list"]
    done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True)
    assert done.returncode == 2
    assert "list works in one process, and 2 were launched" in done.stderr

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("two_processes.py")


def launch(folder: Path, size: int) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(size):
        told = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": size}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "EDGEKIT_HOME": folder / "home"}
        environment = os.environ | {name: str(value) for name, value in told.items()}
        command = [sys.executable, str(SCRIPT), str(folder)]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    return started


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[int, list[dict]]:
    """Return what one process found, and what each of two did."""
    results = {}
    for size in (1, 2):
        folder = tmp_path_factory.mktemp(f"processes-{size}")
        for process in launch(folder, size):
            said = process.communicate(timeout=120)[1]
            assert process.returncode == 0, said
        results[size] = [json.loads((folder / f"found-{rank}.json").read_text()) for rank in range(size)]
    return results


@pytest.mark.parametrize("training", ["alike", "in pieces", "adversarial", "averaged", "taught", "one each"])
def test_two_processes_take_the_steps_that_one_takes(found, training):
    one, two = found[1][0][training], found[2][0][training]
    assert len(two["losses"]) >= 44
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert two["weights"] == pytest.approx(one["weights"], rel=1e-4, abs=1e-5)


def test_a_batch_in_pieces_is_the_same_step(found):
    assert found[1][0]["in pieces"]["losses"] == pytest.approx(found[1][0]["alike"]["losses"], rel=1e-5)
    assert found[1][0]["in pieces"]["losses"] != found[1][0]["alike"]["losses"]


@pytest.mark.parametrize("training", ["alike", "averaged", "statistics", "taught"])
def test_both_processes_end_with_the_same_network(found, training):
    first, second = found[2]
    assert first[training]["weights"] == second[training]["weights"]


def test_statistics_of_batches_are_near_those_of_one_process(found):
    one, two = found[1][0]["statistics"]["losses"], found[2][0]["statistics"]["losses"]
    assert one != pytest.approx(two, rel=1e-5)  # each process sees half a batch
    assert sum(one[-8:]) == pytest.approx(sum(two[-8:]), rel=0.5)


def test_each_process_asks_the_teacher_for_shards_of_its_own(found):
    first, second = found[2][0]["taught"]["asked"]
    assert sorted(first + second) == sorted(found[1][0]["taught"]["asked"][0])
    assert len(first) == len(second) == 6  # two views of 44 examples, 8 to a shard


def test_no_example_is_left_out_or_given_twice(found):
    own = found[2][0]["parts"]["own"]
    alone = found[1][0]["parts"]["own"][0]
    assert [first + second for first, second in zip(*own, strict=True)] == alone


def test_a_users_loader_is_shared_out_and_a_last_example_alone_counts_once(found):
    first, second = found[2][0]["parts"]["given"]
    assert first == [[[0, 1], 0.8], [[5, 6], 0.8], [[10], 0.0]]
    assert second == [[[2, 3, 4], 1.2], [[7, 8, 9], 1.2], [[10], 2.0]]


def test_the_first_process_makes_things_as_if_it_were_alone(found):
    assert [each["size"] for each in found[2]] == [2, 2]
    assert [each["first"] for each in found[2]] == [1, 1]


@pytest.mark.parametrize(
    ("unlike", "said"),
    [("other data", "has another data set than the first"), ("other disk", "does not see")],
)
def test_processes_that_are_not_alike_are_named_once_before_anything_is_trained(found, unlike, said):
    first, second = (each[unlike] for each in found[2])
    assert first.startswith("error: process 2 of 2, on ") and said in first
    assert second == "ends with 1, and without a word"
    assert found[1][0][unlike] == ""
    assert [each["same"] for each in found[2]] == ["", ""]


def test_alone_nothing_of_it_is_loaded():
    code = (
        "import sys; from edgekit.training import loop, parallel, together, teacher\n"
        "with together.joined(): together.one_and_the_same({}, None); together.wait()\n"
        "assert not [name for name in sys.modules if name.startswith(('accelerate', 'optuna'))]\n"
        "import torch.distributed as dist; assert not dist.is_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

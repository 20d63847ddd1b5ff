"""A run from recipe to bundle, and that it ends the same wherever it was stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import files, modelfile
from edgekit.errors import EdgekitError
from edgekit.recipe.loading import load
from edgekit.workflow import preparing, running


def run(recipe: Path, runs: Path, *overrides: str, until: str | None = None) -> tuple[dict[str, Any], Path]:
    job = preparing.prepare(load(recipe, overrides))
    folder = preparing.run_folder(job, runs)
    return running.run(job, folder, until), folder


def outcome(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Give all of a run that must not depend on when it was stopped: weights, decisions, scores; no times."""
    return [
        {
            "id": stage["id"],
            "key": stage["key"],
            "weights": {name: digest for name, digest in stage["files"].items() if "history" not in name},
            "decision": stage["verdict"]["decision"],
            "test": stage["verdict"]["test"],
            "validation": stage["verdict"]["validation"],
            "model": stage["verdict"]["model"],
        }
        for stage in record["stages"]
    ]


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_a_run_makes_every_candidate_judges_it_and_ships_a_bundle(tiny: Path, tmp_path: Path) -> None:
    record, folder = run(tiny, tmp_path / "runs")
    assert [stage["id"] for stage in record["stages"]] == ["teacher", "student", "distill", "prune", "quantize"]
    assert [stage["verdict"]["decision"] for stage in record["stages"]] == ["reference"] + ["kept"] * 4
    assert record["kept"] == "quantize"
    by_id = {stage["id"]: stage["verdict"] for stage in record["stages"]}
    assert by_id["prune"]["parameters"] < by_id["distill"]["parameters"] < by_id["teacher"]["parameters"]
    assert by_id["quantize"]["bytes"] > 0
    assert by_id["distill"]["parity"]["max_abs"] < 1e-4
    model = edgekit.load(folder / "bundle")
    images = np.load(tiny.parent / "shapes.npz")["x"][:5, ..., None]
    assert model(images)["probabilities"].shape == (5, 3)
    card = model.manifest
    assert card.metrics["accuracy"]["n"] == record["data"]["test"]
    assert card.files["model.onnx"]["sha256"] == files.sha256(folder / "bundle" / "model.onnx")


def test_a_finished_run_is_not_repeated_and_says_so(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, folder = run(tiny, tmp_path / "runs")
    verdict = (folder / "quantize" / "verdict.json").read_bytes()
    capsys.readouterr()
    again, _ = run(tiny, tmp_path / "runs")
    assert again["stages"] == first["stages"]
    assert (folder / "quantize" / "verdict.json").read_bytes() == verdict
    assert capsys.readouterr().err.count("finished before") == 5


def test_another_student_does_not_train_the_teacher_again(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, one = run(tiny, tmp_path / "runs", until="teacher")
    second, two = run(tiny, tmp_path / "runs", "student.args.width=4", until="student")
    assert one != two
    assert outcome(first)[0] == outcome(second)[0]
    assert first["differences"] is None, "a teacher is not compared with itself"
    assert second["differences"]["model"] == "student"
    assert f"the same was made in run {one.name}" in capsys.readouterr().err


@pytest.mark.slow  # tests/test_damage.py has more of it, on a run that is made once
def test_what_is_damaged_is_made_again(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, folder = run(tiny, tmp_path / "runs")
    weights = folder / "distill" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    again, _ = run(tiny, tmp_path / "runs")
    assert "damaged" in capsys.readouterr().err
    assert outcome(again) == outcome(first)


def test_a_run_stopped_after_any_write_ends_as_one_never_stopped(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = run(tiny, tmp_path / "whole")
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path / "other-home"))
    draw = random.Random(0)
    replace = Path.replace
    left = 0

    def replace_or_die(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        done = replace(self, target)
        if left == -1:
            raise Killed
        return done

    monkeypatch.setattr(Path, "replace", replace_or_die)
    deaths = 0
    while True:
        # Dies at a write, or right after one; later attempts live longer, for they also write what they find finished.
        left = draw.randint(2, 5 + deaths)
        try:
            record, _ = run(tiny, tmp_path / "stopped")
        except Killed:
            deaths += 1
            assert deaths < 40
        else:
            break
    assert deaths >= 8
    assert outcome(record) == outcome(whole)
    assert record["differences"] == whole["differences"]


@pytest.mark.parametrize("times", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_as_one_never_killed(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "edgekit", "distill", str(tiny), "--json", "--runs"]
    began = time.monotonic()
    whole = subprocess.run([*command, str(tmp_path / "whole")], capture_output=True, check=True, text=True)
    takes = time.monotonic() - began
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path / "other-home"))
    draw = random.Random(1)
    kills = 0
    for _ in range(times):
        for lock in (tmp_path / "killed").glob("tiny/*/.lock"):
            lock.unlink()
        child = subprocess.Popen(
            [*command, str(tmp_path / "killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # Importing is over, and the work begins.
        while not list((tmp_path / "killed").glob("tiny/*/.lock")) and child.poll() is None:
            time.sleep(0.01)
        try:
            child.wait(draw.uniform(0, takes / 4))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
    killed = subprocess.run([*command, str(tmp_path / "killed")], capture_output=True, check=True, text=True)
    assert kills >= times / 2
    assert outcome(json.loads(killed.stdout.splitlines()[-1])) == outcome(json.loads(whole.stdout.splitlines()[-1]))


def test_two_runs_of_one_recipe_at_a_time_do_each_other_no_harm(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "edgekit", "distill", str(tiny), "--json"]
    command += ["--until", "student", "--runs", str(tmp_path / "runs")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [child.communicate() for child in both]
    assert [child.returncode for child in both] == [0, 0], told
    records = [json.loads(out.splitlines()[-1]) for out, _ in told]
    assert outcome(records[0]) == outcome(records[1])
    assert sum("waiting for it" in err for _, err in told) == 1


def test_a_model_whose_weights_do_not_fit_is_refused_with_the_names(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    network = modelfile.build(tiny.parent / "net.py", {"width": 16})
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    save_file(state | {"head.weight": np.zeros((3, 5), np.float32)}, tiny.parent / "teacher.safetensors")
    text = tiny.read_text().replace("args: {width: 16},", "args: {width: 16}, weights: {file: teacher.safetensors},")
    tiny.write_text(text)
    with pytest.raises(EdgekitError, match=r'"head.weight" is \[3, 5\], the network\'s is \[3, 32\]'):
        run(tiny, tmp_path / "runs", until="teacher")

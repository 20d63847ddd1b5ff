from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import cli


def train(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code = cli.run(["train", *map(str, arguments), "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    said: dict[str, Any] = json.loads(shown.out)
    return said


def test_the_teacher_alone_is_trained_and_its_weights_serve_another_recipe(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = train(capsys, tiny, "--runs", tmp_path / "runs")
    run = tmp_path / "runs" / "tiny" / said["id"]
    assert [stage["id"] for stage in said["stages"]] == ["teacher"]
    assert (said["kept"], said["recipe"]["stages"]) == ("teacher", {})
    assert (run / "bundle" / "model.onnx").is_file()
    assert cli.run(["train", str(tiny), "--runs", str(tmp_path / "runs")]) == 0
    weights = run / "teacher" / "weights.safetensors"
    assert capsys.readouterr().out.endswith(f"\nweights: {weights}\n")

    weights.rename(tiny.parent / "teacher.safetensors")
    text = tiny.read_text()
    tiny.write_text(text.replace("args: {width: 16},", "args: {width: 16}, weights: {file: teacher.safetensors},"))
    arguments = ["distill", str(tiny), "--until", "teacher", "--runs", str(tmp_path / "others"), "--json"]
    assert cli.run(arguments) == 0
    shown = capsys.readouterr()
    assert "teacher: weights from teacher.safetensors" in shown.err
    given = json.loads(shown.out)["stages"][0]
    assert given["verdict"]["test"] == said["stages"][0]["verdict"]["test"]

    again = train(capsys, tiny, "--runs", tmp_path / "runs")
    assert again["stages"][0]["said"] == {}  # the weights that the recipe names were not used


def test_a_recipe_without_a_teacher_trains_its_only_network(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tiny.read_text().splitlines()
    tiny.write_text("\n".join(line for line in lines if "teacher:" not in line and "distill" not in line))
    said = train(capsys, tiny, "--runs", tmp_path / "runs")
    assert [stage["id"] for stage in said["stages"]] == ["student"]
    assert said["kept"] == "student"
    assert (tmp_path / "runs" / "tiny" / said["id"] / "student" / "weights.safetensors").is_file()


def test_a_dry_run_writes_nothing(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = train(capsys, tiny, "--runs", tmp_path / "runs", "--dry-run")
    assert said["stages"] == ["teacher"]
    assert not (tmp_path / "runs").exists()

"""edgekit bench: how near the limits, and where the time goes; with ceilings that are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest

from edgekit import cli
from edgekit.measuring import ceilings

SHORT = ["--seconds", "0.05", "--no-costs"]


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"fp32_gflops": 100, "int8_gops": 1000, "bandwidth_gbs": 10, "empty_run_us": 4, "node_us": 0.2}
    found: dict[str, Any] = {name: {"value": value, "low": value, "high": value} for name, value in figures.items()}
    found |= {"bandwidths": [{"bytes": 1 << 20, "value": 10}], "runtime": "onnxruntime", "busy": False}
    monkeypatch.setattr(ceilings, "measure", lambda threads: {**found, "threads": threads})


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N,64] x) => (float[N,64] y) { [dense] y = MatMul(x, x2) }'
    made = onnx.parser.parse_model(text.replace("(x, x2)", "(x, w)"))
    made.graph.initializer.append(onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [64, 64], [0.5] * 4096))
    onnx.save(made, "dense.onnx")
    return "dense.onnx"


def test_every_result_states_its_share_of_what_the_machine_can_do(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["bench", model, *SHORT]) == 0
    out = capsys.readouterr().out
    assert "compute   memory   overhead" in out
    assert "limits of 1 thread through onnxruntime, measured just now: 100 GFLOP/s in fp32" in out
    assert cli.run(["bench", model, *SHORT]) == 0
    assert "through onnxruntime, kept from 2" in capsys.readouterr().out
    assert cli.run(["bench", model, *SHORT, "--fresh-ceilings"]) == 0
    assert "measured just now" in capsys.readouterr().out


def test_a_profile_tells_where_the_time_goes(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", model, *SHORT, "--profile"]) == 0
    out = capsys.readouterr().out
    assert "where the time of dense.onnx goes" in out
    assert any(line.split()[:2] == ["dense", "MatMul"] for line in out.splitlines())
    assert "outside the nodes" in out


def test_json_has_the_shares_and_the_profile(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", model, *SHORT, "--profile", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    (entry,) = said["models"]
    assert entry["ceiling"]["macs"] == 64 * 64 and entry["ceiling"]["bound"] in ("compute", "memory", "overhead")
    assert entry["profile"]["operators"][0]["op"] == "MatMul"
    assert said["ceilings"]["1"]["fp32_gflops"]["value"] == 100


def test_a_share_above_the_limit_is_explained_and_not_cut(
    model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = ceilings.measure
    monkeypatch.setattr(ceilings, "measure", lambda threads: {**measure(threads), "empty_run_us": {"value": 1e6}})
    assert cli.run(["bench", model, *SHORT]) == 0
    assert "note: above 100 %: the limits are those of matrix products" in capsys.readouterr().out


def test_ceilings_can_be_left_out(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", model, *SHORT, "--no-ceilings"]) == 0
    assert "limit" not in capsys.readouterr().out

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest

from edgekit import files
from edgekit.cli import run
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.signature import Tensor

GRAPH = """<ir_version: 8, opset_import: ["": 17]>
g (float[N,3] x) => (float[N,2] y) <float[3,2] w = {1,2,3,4,5,6}> { [product] y = MatMul(x, w) }"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    parsed = onnx.parser.parse_model(GRAPH)
    onnx.helper.set_model_props(parsed, {"author": "somebody"})
    onnx.save(parsed, path)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "bundle"
    folder.mkdir(parents=True)
    onnx.save(onnx.parser.parse_model(GRAPH), folder / MODEL)
    size = (folder / MODEL).stat().st_size
    card = Manifest(
        name="digits",
        task="image-classification",
        inputs=[Tensor("x", "float32", ("N", 3))],
        outputs=[Tensor("y", "float32", ("N", 2))],
        labels=["no", "yes"],
        preprocessing={"mean": [0.5], "layout": "HWC"},
        metrics={"accuracy": {"value": 0.975, "low": 0.953, "high": 0.987, "n": 360, "split": "test"}},
        parity={"batches": [1, 2, 7], "max_abs": 1.2e-7, "argmax_agreement": 1.0},
        latency={"p50_us": 31.24, "p50_low_us": 31.0, "p50_high_us": 31.5, "p90_us": None, "device": "cpu",
                 "threads": 1, "batch": 1, "machine": "A Processor"},
        provenance={"recipe_file": "digits.yaml", "seed": 0, "machine": {"cpu": "A Processor"},
                    "stages": [{"id": "teacher", "decision": "reference"}, {"id": "prune", "decision": "kept"}]},
        requires={"onnxruntime": "1.20"},
        files={MODEL: {"sha256": files.sha256(folder / MODEL), "bytes": size}},
    )  # fmt: skip
    files.write_json(folder / FILE, card.to_dict())
    return folder


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["inspect", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(shown(capsys, *arguments, "--json").splitlines()[-1])


def test_a_bare_file_shows_its_graph(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(maxsplit=1) for line in shown(capsys, model).splitlines()]
    assert ["input", "x: float32[N,3]"] in lines
    assert ["output", "y: float32[N,2]"] in lines
    assert ["MACs", "6 at batch 1"] in lines
    assert ["largest", "w: float32[3,2], 24 B"] in lines
    assert ["metadata", "author = somebody"] in lines


def test_layers_are_shown_when_asked_for(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "product" not in shown(capsys, model)
    row = next(line.split() for line in shown(capsys, model, "--layers").splitlines() if "product" in line)
    assert row == ["product", "MatMul", "1x2", "6", "100.0", "%", "6"]


@pytest.mark.parametrize("whole_run", [False, True], ids=["bundle", "run"])
def test_a_bundle_shows_its_card_and_a_run_its_bundle(
    bundle: Path, whole_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.split(maxsplit=1) for line in shown(capsys, bundle.parent if whole_run else bundle).splitlines()]
    for expected in (
        ["bundle", "digits, image-classification"],
        ["labels", "no, yes"],
        ["accuracy", "97.5 % [95.3, 98.7] on 360 examples (test)"],
        ["latency", "p50 31.2 µs [31.0, 31.5] (cpu, threads 1, batch 1, A Processor)"],
        ["parity", "differs from PyTorch by at most 1.2e-07, same answer on 100.0 %, at batch 1, 2, 7"],
        ["preprocessing", "mean 0.5, layout HWC"],
        ["requires", "onnxruntime 1.20 or newer"],
        ["stages", "teacher (reference), prune (kept)"],
        ["recipe_file", "digits.yaml"],
        ["MACs", "6 at batch 1"],
    ):
        assert expected in lines
    assert "warning" not in [line[0] for line in lines]


def test_programs_get_card_and_graph_in_one_document(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, bundle)
    assert found["model"] == str(bundle / MODEL)
    assert found["manifest"] == json.loads((bundle / FILE).read_text())
    assert found["intact"] is True
    assert found["graph"]["parameters"] == 6


def test_a_bare_file_has_no_card_in_the_document(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, model)
    assert (found["manifest"], found["intact"]) == (None, None)


def test_a_model_that_was_exchanged_under_its_card_is_told(
    bundle: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / MODEL).write_bytes(model.read_bytes())
    assert "not the one the manifest was written for" in shown(capsys, bundle)
    assert document(capsys, bundle)["intact"] is False


def test_a_damaged_card_is_told_and_the_graph_shown(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = json.loads((bundle / FILE).read_text())
    files.write_json(bundle / FILE, card | {"metrics": {"accuracy": {"value": None}}})
    found = shown(capsys, bundle)
    assert "the rest of the manifest is damaged" in found
    assert "MACs" in found


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "there is no"), (b"not a model", "is not an ONNX file")],
    ids=["absent", "no ONNX"],
)
def test_what_cannot_be_inspected_is_an_error_without_a_traceback(
    tmp_path: Path, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thing.onnx"
    if content is not None:
        path.write_bytes(content)
    assert run(["inspect", str(path)]) == 1
    assert says in capsys.readouterr().err


def test_a_bundle_without_its_model_is_an_error(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / MODEL).unlink()
    assert run(["inspect", str(bundle)]) == 1
    assert "is missing" in capsys.readouterr().err

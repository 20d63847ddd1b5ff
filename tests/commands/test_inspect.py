from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from pydantic import TypeAdapter

from edgekit import files
from edgekit.cli import run
from edgekit.commands import document as document_module
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
        preprocessing={"mean": [0.5], "layout": "HWC", "scale": 1 / 255, "in_graph": True,
                       "resize": {"shorter_side": 32, "resampling": "bilinear"}},
        metrics={"accuracy": {"value": 0.975, "low": 0.953, "high": 0.987, "n": 360, "split": "test"}},
        parity={"cases": [{"N": 1}, {"N": 7}, {"N": 2}], "max_abs": 1.2e-7, "argmax_agreement": 1.0,
                "metric": {"name": "accuracy", "n": 360, "expected": 0.975, "actual": 0.975}},
        latency={"p50_us": 31.24, "p50_low_us": 31.0, "p50_high_us": 31.5, "p90_us": None, "device": "cpu",
                 "threads": 1, "batch": 1, "machine": "A Processor"},
        provenance={"recipe_file": "digits.yaml", "seed": 0, "licence": "MIT", "machine": {"cpu": "A Processor"},
                    "export": {"method": "tracer", "seconds": 1.5, "head": "top5", "nodes": [41, 38], "bytes": [2, 1],
                               "failures": ["dynamo: no such operator"]},
                    "stages": [{"id": "teacher", "decision": "reference"}, {"id": "prune", "decision": "kept"}],
                    "stage": {"failures": [], "notes": "", "id": "prune"}},
        requires={"onnxruntime": "1.20", "opset": 17, "ir": 8},
        files={MODEL: {"sha256": files.sha256(folder / MODEL), "bytes": size}},
    )  # fmt: skip
    files.write_sealed(folder / FILE, card.to_dict())
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
    assert ["MACs", "6 with N at 1"] in lines
    assert ["dynamic", "N: x[0], y[0]"] in lines
    assert ["sha256", f"{files.sha256(model)} model.onnx"] in lines
    assert ["device", "cpu runs every operator"] in lines
    assert ["largest", "w: float32[3,2], 24 B"] in lines
    assert ["metadata", "author = somebody"] in lines


def test_layers_are_shown_when_asked_for(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "product" not in shown(capsys, model)
    row = next(line.split() for line in shown(capsys, model, "--layers").splitlines() if "product" in line)
    assert row == ["product", "MatMul", "1x2", "6", "100.0", "%", "6"]


@pytest.fixture
def tower(tmp_path: Path) -> Path:
    """Three layers: the first has most parameters, the second most MACs; names and operators are long."""
    name = "a_module_with_a_long_name." * 6
    text = f"""<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
    g (float[batch,1,16,16] x, float[time,?] unused) => (float[batch,4] y) {{
        [{name}1] a = com.microsoft.DynamicQuantizeMatMul(x, w1, s)
        [{name}2] b = Conv(x, w2)
        [{name}3] y = Identity(w3)
    }}"""
    parsed = onnx.parser.parse_model(text.replace(name, "layer_"))
    for node in parsed.graph.node:
        node.name = node.name.replace("layer_", name)
    for key, shape, dtype in (("w1", (16, 64), "uint8"), ("w2", (16, 1, 3, 3), "float32"), ("s", (), "float32")):
        parsed.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(shape, dtype), key))
    onnx.save(parsed, tmp_path / "tower.onnx")
    return tmp_path / "tower.onnx"


def rows(text: str) -> list[str]:
    return [line.split("...")[1].split()[0] for line in text.splitlines() if "a_module" in line]


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (["--layers"], ["name.1", "name.2"]),
        (["--sort", "parameters"], ["name.1", "name.2"]),
        (["--layers", "--sort", "macs"], ["name.2", "name.1"]),
        (["--top", "1"], ["name.2"]),
        (["--top", "1", "--sort", "parameters"], ["name.1"]),
        (["--top", "1", "--sort", "graph"], ["name.1"]),
    ],
    ids=" ".join,
)
def test_layers_are_sorted_and_cut(
    tower: Path, options: list[str], order: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shortened = [row[-len("name.1") :] for row in rows(shown(capsys, tower, *options))]
    assert shortened == order


def test_all_fits_a_hundred_columns(tower: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, tower, "--layers")
    assert max(map(len, found.splitlines())) <= 100


def test_what_is_dynamic_is_said_and_what_the_macs_take_it_for(tower: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, tower).splitlines()
    assert "dynamic        batch: x[0], y[0]; time: unused[0]; ?: unused[1]" in lines
    assert "MACs           44.6 K with batch, time, every other dynamic dimension at 1" in lines


def test_a_graph_without_layers_or_names_of_dimensions_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = '<ir_version: 8, opset_import: ["": 17]> g (float[?,2] x) => (float[?,2] y) { y = Relu(x) }'
    onnx.save(onnx.parser.parse_model(graph), tmp_path / "relu.onnx")
    lines = shown(capsys, tmp_path / "relu.onnx", "--layers").splitlines()
    assert "MACs           0 with every dynamic dimension at 1" in lines
    assert "layers         none has parameters or MACs" in lines


def test_an_order_nobody_knows_is_wrong_usage(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(model), "--sort", "size"]) == 2
    assert "graph, macs, parameters" in capsys.readouterr().err


def test_without_a_model_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect"]) == 2
    assert "no model was named" in capsys.readouterr().err


@pytest.mark.parametrize("whole_run", [False, True], ids=["bundle", "run"])
def test_a_bundle_shows_its_card_and_a_run_its_bundle(
    bundle: Path, whole_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = shown(capsys, bundle.parent if whole_run else bundle).replace(f"\n{'':15}", " ")
    lines = [line.split(maxsplit=1) for line in whole.splitlines()]
    for expected in (
        ["bundle", "digits, image-classification"],
        ["labels", "no, yes"],
        ["accuracy", "97.5 % [95.3, 98.7] on 360 examples (test)"],
        ["latency", "p50 31.2 µs [31.0, 31.5] (cpu, threads 1, batch 1, A Processor)"],
        [
            "parity",
            "differs from PyTorch by at most 1.2e-07, same answer on 100.0 %, at N 1/2/7; accuracy "
            "97.50 % became 97.50 % on 360 examples",
        ],
        [
            "preprocessing",
            "in the graph: mean 0.5, layout HWC, scale 1/255, resize to shorter_side 32 (bilinear)",
        ],
        ["export", "by tracer in 1.5 s; head top5; slimmed from 41 to 38 nodes; failed: dynamo: no such operator"],
        ["requires", "onnxruntime 1.20 or newer, opset 17, IR 8"],
        ["stages", "teacher (reference), prune (kept)"],
        ["stage", "id prune"],
        ["recipe_file", "digits.yaml"],
        ["licence", "MIT"],
        ["MACs", "6 with N at 1"],
    ):
        assert expected in lines
    assert "warning" not in [line[0] for line in lines]


def test_programs_get_card_and_graph_in_one_document(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, bundle)
    assert found["model"] == str(bundle / MODEL)
    assert found["manifest"] == files.read_sealed(bundle / FILE)
    assert found["intact"] is True
    assert [(file["name"], file["intact"]) for file in found["files"]] == [(MODEL, True)]
    assert found["graph"]["parameters"] == 6


def test_the_document_is_as_its_schema_says(bundle: Path, tower: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(shown(capsys, "--schema"))
    assert schema == document_module.json_schema() == json.loads(shown(capsys, "--schema", "--json"))
    adapter = TypeAdapter(document_module.Inspection)
    for path in (bundle, tower):
        found = document(capsys, path)
        adapter.validate_json(json.dumps(found), strict=True)
        assert set(found) == set(schema["properties"]) == set(schema["required"])
        for part, name in ((found["graph"], "Description"), (found["graph"]["layers"][0], "Layer")):
            assert set(part) == set(schema["$defs"][name]["properties"])
    assert found["schema"] == schema["properties"]["schema"]["const"]


def test_every_field_of_the_schema_is_explained() -> None:
    schema = document_module.json_schema()
    for told in (schema, *schema["$defs"].values()):
        for name in set(told["properties"]) - {"schema", "manifest", "graph", "devices", "files"}:
            assert f"`{name}`" in told["description"] or told["title"] in ("Layer", "Weight", "File", "Support")


def test_a_bare_file_has_no_card_in_the_document(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, model)
    assert (found["manifest"], found["intact"]) == (None, None)


def test_a_model_that_was_exchanged_under_its_card_is_told(
    bundle: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle / MODEL).write_bytes(model.read_bytes())
    assert "not the file the manifest was written for" in shown(capsys, bundle)
    assert document(capsys, bundle)["intact"] is False


def test_other_files_of_the_bundle_are_compared_too(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = files.read_sealed(bundle / FILE)
    assert card
    (bundle / "words.txt").write_text("a b")
    card["files"] |= {"words.txt": {"sha256": files.sha256(bundle / "words.txt"), "bytes": 3}}
    files.write_sealed(bundle / FILE, card)
    assert document(capsys, bundle)["intact"] is True
    (bundle / "words.txt").write_text("a c")
    assert "words.txt is not the file" in shown(capsys, bundle)
    (bundle / "words.txt").unlink()
    assert "words.txt is missing" in shown(capsys, bundle)
    assert document(capsys, bundle)["intact"] is False


def test_an_operator_no_device_has_is_told_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
    g (float[N,3] x) => (float[N,3] y) { y = com.microsoft.Unheard(x) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    cpu = next(each for each in document(capsys, tmp_path / "m.onnx")["devices"] if each["device"] == "cpu")
    assert cpu["runs"] is False
    assert "Unheard" in cpu["said"]


def test_weights_outside_the_folder_are_not_opened_on_any_device(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parsed = onnx.load(model)
    tensor = parsed.graph.initializer[0]
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    onnx.save(parsed, model)
    (only,) = document(capsys, model)["devices"]
    assert (only["runs"], "outside" in only["said"]) == (None, True)


def test_a_damaged_card_is_told_and_the_graph_shown(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = files.read_sealed(bundle / FILE)
    assert card
    files.write_sealed(bundle / FILE, card | {"metrics": {"accuracy": {"value": None}}})
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

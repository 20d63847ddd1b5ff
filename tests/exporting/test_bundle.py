from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from edgekit import files
from edgekit.errors import BundleError, ParityError
from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.runtime.bundle import load
from edgekit.signature import Tensor

GRAPH = """
<ir_version: 8, opset_import: ["": 17]>
double (float[N,3] x) => (float[N,3] y) <float factor = {2.0}>
{
    y = Mul(x, factor)
}
"""
INPUTS = np.linspace(-1, 1, 21, dtype=np.float32).reshape(7, 3)


@pytest.fixture
def model(tmp_path):
    onnx.save(onnx.parser.parse_model(GRAPH), tmp_path / "source.onnx")
    return tmp_path / "source.onnx"


def card(**said) -> Manifest:
    return Manifest(**{
        "name": "double",
        "task": "custom",
        "inputs": [Tensor.parse("x: float32[N,3]")],
        "outputs": [Tensor.parse("y: float32[N,3]")],
        "labels": ["null", "eins", "×"],
        "metrics": {"accuracy": {"value": 0.9, "n": 10}},
        "requires": {"onnxruntime": "1.20"},
        **said,
    })  # fmt: skip


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_answers_as_its_model_and_its_hashes_match(model, tmp_path):
    folder = tmp_path / "out" / "bundle"
    bundle.write(folder, model, card(), INPUTS)
    assert names(folder) == ["manifest.json", "model.onnx"]
    assert names(folder.parent) == ["bundle"]
    np.testing.assert_array_equal(load(folder)({"x": INPUTS})["y"], INPUTS * 2)
    listed = Manifest.read(folder).files
    assert listed == {
        "model.onnx": {
            "sha256": files.sha256(folder / "model.onnx"), "bytes": (folder / "model.onnx").stat().st_size
        }
    }  # fmt: skip


def test_the_card_is_in_the_manifest_and_in_the_model(model, tmp_path):
    bundle.write(tmp_path / "bundle", model, card(), INPUTS)
    said = json.loads((tmp_path / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert said["labels"] == ["null", "eins", "×"]
    assert said["requires"] == {"onnxruntime": "1.20", "opset": 17, "ir": 8}
    props = {each.key: each.value for each in onnx.load(tmp_path / "bundle" / "model.onnx").metadata_props}
    assert props.pop("edgekit.model_sha256") == files.sha256(model)
    del said["files"], said["seal"]
    assert props.keys() == {f"edgekit.{key}" for key in said}
    for key, value in said.items():
        found = props[f"edgekit.{key}"]
        assert (found if isinstance(value, str) else json.loads(found)) == value


def test_the_card_given_is_not_changed(model, tmp_path):
    given = card()
    bundle.write(tmp_path / "bundle", model, given, INPUTS)
    assert vars(given) == vars(card())


def test_a_bundle_replaces_the_one_before(model, tmp_path):
    for name in ("first", "second"):
        bundle.write(tmp_path / "out" / "bundle", model, card(name=name), INPUTS)
    assert Manifest.read(tmp_path / "out" / "bundle").name == "second"
    assert names(tmp_path / "out") == ["bundle"]


class Otherwise:
    """A loaded bundle that answers something else."""

    def __call__(self, feeds):
        return {"y": feeds["x"] * 3}


@pytest.mark.parametrize("before", [False, True], ids=["nothing there", "a bundle there"])
def test_a_bundle_that_fails_the_proof_is_never_there(model, tmp_path, monkeypatch, before):
    folder = tmp_path / "out" / "bundle"
    if before:
        bundle.write(folder, model, card(name="before"), INPUTS)
    with monkeypatch.context() as patch:
        patch.setattr(bundle, "load", lambda path: Otherwise())
        with pytest.raises(ParityError, match='the bundle answers output "y" otherwise'):
            bundle.write(folder, model, card(name="after"), INPUTS)
    assert names(folder.parent) == (["bundle"] if before else [])
    assert not before or Manifest.read(folder).name == "before"


def test_a_card_that_speaks_of_another_model_is_never_shipped(model, tmp_path):
    with pytest.raises(BundleError, match="manifest"):
        bundle.write(tmp_path / "bundle", model, card(outputs=[Tensor.parse("z: float32[N,3]")]), INPUTS)
    assert not (tmp_path / "bundle").exists()

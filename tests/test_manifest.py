from __future__ import annotations

import json
from typing import Any

import pytest

from edgekit import files
from edgekit.errors import BundleError
from edgekit.hashing import fingerprint
from edgekit.manifest import FILE, SCHEMA, Manifest
from edgekit.signature import Tensor


def card() -> Manifest:
    return Manifest(
        name="digits",
        task="image-classification",
        inputs=[Tensor.parse("image: uint8[N,8,8,1]")],
        outputs=[Tensor.parse("probabilities: float32[N,10]")],
        labels=["zero", "eins"],
        preprocessing={"mean": [0.3]},
        metrics={"accuracy": {"value": 0.97, "n": 360}},
        files={"model.onnx": {"sha256": "0" * 64, "bytes": 12}},
    )


def sealed(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"seal": fingerprint(said)}


def test_a_manifest_comes_back_from_json_as_it_was(tmp_path):
    files.write_sealed(tmp_path / FILE, card().to_dict())
    read = Manifest.read(tmp_path)
    assert vars(read) == vars(card())
    assert read.to_dict() == card().to_dict()


def test_a_manifest_is_plain_json_that_says_its_schema():
    said = json.loads(json.dumps(card().to_dict()))
    assert said["schema"] == SCHEMA
    assert said["inputs"] == ["image: uint8[N,8,8,1]"]


def test_what_is_left_out_is_empty():
    bare = Manifest("a", "custom", [], [])
    assert bare.labels == []
    assert bare.metrics == bare.files == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": None}, 'no "schema"'),
        ({"schema": SCHEMA + 1}, f"schema {SCHEMA + 1}"),
        ({"inputs": ["image"]}, 'is damaged: "image" is not a tensor'),
        ({"inputs": "image: uint8[N]"}, '"inputs" is'),
        ({"outputs": [3]}, "not an edgekit manifest"),
        ({"labels": "abc"}, '"labels" is "abc"'),
        ({"name": 3}, '"name" is 3'),
        ({"colour": "red"}, 'is not an edgekit manifest: it says "colour"'),
    ],
    ids=["no schema", "newer", "no tensor", "one string", "number", "labels", "name", "unknown key"],
)
def test_a_manifest_that_is_none_says_what_is_wrong_and_where(change, said):
    with pytest.raises(BundleError, match=said) as caught:
        Manifest.from_dict(sealed(card().to_dict() | change), "some/place")
    assert "some/place" in str(caught.value)


def test_a_newer_manifest_asks_for_a_newer_edgekit():
    with pytest.raises(BundleError) as caught:
        Manifest.from_dict(sealed(card().to_dict() | {"schema": 99}), "x")
    assert caught.value.hint == "pip install --upgrade edgekit-onnx"


def test_a_seal_cannot_be_left_out():
    with pytest.raises(BundleError, match='"x" has no seal'):
        Manifest.from_dict(card().to_dict(), "x")


@pytest.mark.parametrize("key", ["task", "inputs"])
def test_a_key_that_must_be_there_is_missed(key):
    said = card().to_dict()
    del said[key]
    with pytest.raises(BundleError, match=key):
        Manifest.from_dict(sealed(said), "x")


@pytest.mark.parametrize("content", ["{", "[]", "3"], ids=["cut short", "list", "number"])
def test_a_file_that_is_no_manifest_is_a_bundle_error(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(BundleError, match=FILE):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("folder", ["", "absent"], ids=["empty folder", "no folder"])
def test_a_folder_without_a_manifest_is_no_bundle(tmp_path, folder):
    with pytest.raises(BundleError, match="is not a bundle"):
        Manifest.read(tmp_path / folder)

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

from edgekit import files
from edgekit.errors import BundleError
from edgekit.manifest import FILE, MODEL
from edgekit.runtime import external
from edgekit.runtime.bundle import load

WEIGHTS = np.arange(3, dtype=np.float32)


def tensor(location: str, name: str = "w") -> onnx.TensorProto:
    made = onnx.TensorProto(name=name, data_type=1, dims=[3], data_location=onnx.TensorProto.EXTERNAL)
    made.external_data.add(key="offset", value="0")
    made.external_data.add(key="location", value=location)
    return made


def as_initializer(location: str) -> onnx.ModelProto:
    made = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> graph (float[N,3] x) => (float[N,3] probabilities)'
        "{ probabilities = Add(x, w) }"
    )
    made.graph.initializer.append(tensor(location))
    return made


def as_attribute(location: str) -> onnx.ModelProto:
    made = as_initializer(location)
    del made.graph.initializer[:]
    made.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["w"], value=tensor(location)))
    return made


def in_a_branch(location: str) -> onnx.ModelProto:
    answer = onnx.helper.make_tensor_value_info("b", 1, ["N", 3])
    deep = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["b"])], "b", [], [answer], [tensor(location)]
    )
    made = as_initializer(location)
    del made.graph.initializer[:]
    made.graph.input.append(onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []))
    made.graph.node[0].CopyFrom(
        onnx.helper.make_node("If", ["c"], ["probabilities"], then_branch=deep, else_branch=deep)
    )
    return made


def in_a_function(location: str) -> onnx.ModelProto:
    made = as_attribute(location)
    constant = made.graph.node[0]
    opsets = [onnx.helper.make_opsetid("", 20)]
    made.functions.append(onnx.helper.make_function("mine", "Weights", [], ["w"], [constant], opsets))
    made.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    made.graph.node[0].CopyFrom(onnx.helper.make_node("Weights", [], ["w"], domain="mine"))
    return made


def in_a_sparse_tensor(location: str) -> onnx.ModelProto:
    made = as_initializer(location)
    del made.graph.initializer[:]
    indices = onnx.helper.make_tensor("i", onnx.TensorProto.INT64, [3], [0, 1, 2])
    made.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(tensor(location), indices, [3]))
    return made


PLACES = [as_initializer, as_attribute, in_a_branch, in_a_function, in_a_sparse_tensor]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[onnx.ModelProto], Path]:
    """Write a model into a folder where `inside.bin` lies, and `secret.bin` beside the folder."""
    folder = tmp_path / "models"
    (folder / "deeper").mkdir(parents=True)
    for path in (folder / "inside.bin", folder / "deeper" / "inside.bin", tmp_path / "secret.bin"):
        path.write_bytes(WEIGHTS.tobytes())

    def save(made: onnx.ModelProto) -> Path:
        (folder / "m.onnx").write_bytes(made.SerializeToString())
        return folder / "m.onnx"

    return save


Saved = Callable[[onnx.ModelProto], Path]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/hostname", "deeper/../../secret.bin", "..\\secret.bin", "C:secret.bin"]
)
def test_weights_outside_the_models_folder_are_refused_wherever_they_are_named(
    place: Callable[[str], onnx.ModelProto], location: str, saved: Saved
) -> None:
    path = saved(place(location))
    with pytest.raises(BundleError, match=r"reads its weights from .* which lies outside its folder"):
        external.check(str(path))
    with pytest.raises(BundleError, match="outside its folder"):
        load(path)


@pytest.mark.parametrize("place", PLACES)
def test_weights_that_are_missing_are_named(place: Callable[[str], onnx.ModelProto], saved: Saved) -> None:
    for name in ("absent.bin", "*/_ORT_MEM_ADDR_/*", ""):
        with pytest.raises(BundleError, match="which is missing"):
            load(saved(place(name)))


@pytest.mark.parametrize("location", ["inside.bin", "deeper/inside.bin", "./inside.bin"])
def test_weights_beside_the_model_are_read(location: str, saved: Saved) -> None:
    model = load(saved(as_initializer(location)), threads=1)
    np.testing.assert_array_equal(model(np.zeros((1, 3), np.float32))["probabilities"], [WEIGHTS])


def test_the_last_of_two_locations_counts_as_it_does_for_onnxruntime(saved: Saved) -> None:
    made = as_initializer("inside.bin")
    made.graph.initializer[0].external_data.add(key="location", value="../secret.bin")
    with pytest.raises(BundleError, match="outside its folder"):
        load(saved(made))


def test_a_bundle_reads_no_weights_that_its_manifest_does_not_list(vectors: Path) -> None:
    (vectors / MODEL).write_bytes(as_initializer("w.bin").SerializeToString())
    (vectors / "w.bin").write_bytes(WEIGHTS.tobytes())
    said = json.loads((vectors / FILE).read_text())
    del said["seal"]

    def listed(*names: str) -> None:
        contents = {name: (vectors / name).read_bytes() for name in names}
        said["files"] = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in contents.items()
        }
        files.write_sealed(vectors / FILE, said)

    listed(MODEL)
    with pytest.raises(BundleError, match=r'"w\.bin", which the manifest does not list'):
        load(vectors)
    listed(MODEL, "w.bin")
    assert load(vectors, threads=1)(np.zeros((1, 3), np.float32))["probabilities"].tolist() == [[0, 1, 2]]
    (vectors / "w.bin").write_bytes(WEIGHTS[::-1].tobytes())
    with pytest.raises(BundleError, match=r'w.bin" was altered'):
        load(vectors)


def nested(depth: int) -> bytes:
    """The bytes of graphs in attributes of nodes in graphs, `depth` deep."""

    def field(number: int, content: bytes) -> bytes:
        size, out = len(content), bytearray([number << 3 | 2])
        while size > 127:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes([*out, size]) + content

    inner = field(2, b"location")
    for _ in range(depth):
        inner = field(1, field(5, field(6, inner)))
    return field(7, inner)


@pytest.mark.parametrize(
    "content",
    [
        b"\x3a\x7flocation",
        b"\x3a" + b"\xff" * 12 + b"location",
        b"\x3blocation",
        nested(60),
        b"\x0d\x01location"[:4] + b"location",
        b"\xfa\xff\xff\xff\xff\x01\x08location",
    ],
    ids=["beyond-the-end", "endless-number", "no-kind", "too-deep", "no-field-between", "too-great"],
)  # fmt: skip
def test_bytes_that_are_no_model_are_told_as_damage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="is damaged, or no ONNX file at all"):
        external.check(str(tmp_path / "m.onnx"))


def test_a_model_without_such_weights_is_not_walked(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(external, "_locations", walk)
    external.check(str(vectors / MODEL))


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "deeper").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    (folder / "ln.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "deeper" / "out").symlink_to(tmp_path)
    (folder / "inside.bin").write_bytes(WEIGHTS.tobytes())
    (folder / "near.bin").symlink_to("inside.bin")
    for location in ("ln.bin", "deeper/out/secret.bin"):
        (folder / "m.onnx").write_bytes(as_initializer(location).SerializeToString())
        with pytest.raises(BundleError, match="which lies outside its folder"):
            load(folder / "m.onnx")
    (folder / "m.onnx").write_bytes(as_initializer("near.bin").SerializeToString())
    external.check(str(folder / "m.onnx"))


def test_a_store_that_links_model_and_weights_into_one_folder_of_blobs_is_read(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "aa").write_bytes(as_initializer("w.bin").SerializeToString())
    (blobs / "bb").write_bytes(WEIGHTS.tobytes())
    (snapshot / "model.onnx").symlink_to(Path("../../blobs/aa"))
    (snapshot / "w.bin").symlink_to(Path("../../blobs/bb"))
    external.check(str(snapshot / "model.onnx"))
    (snapshot / "w.bin").unlink()
    (snapshot / "w.bin").symlink_to(tmp_path / "secret.bin")
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    with pytest.raises(BundleError, match="which lies outside its folder"):
        external.check(str(snapshot / "model.onnx"))

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from edgekit.errors import BundleError
from edgekit.exporting import mobile
from edgekit.graph import cleaning, inspection, slimming, storage
from edgekit.graph.probing import Probe


def test_a_model_comes_back_as_it_was_saved_and_nothing_lies_beside_it(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    storage.save(cnn, tmp_path / "model.onnx")
    assert storage.load(tmp_path / "model.onnx") == cnn
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.onnx"]


@pytest.mark.parametrize(
    "content",
    [b"", b"these are not the bytes you want", bytes(64), b"\x08\x08"],
    ids=["empty", "text", "zeros", "version only"],
)
def test_a_file_that_is_no_onnx_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleError, match="is not an ONNX file"):
        storage.load(path)


def test_a_truncated_model_is_refused(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(cnn.SerializeToString()[:-100])
    with pytest.raises(BundleError, match="cut short"):
        storage.load(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(BundleError, match="cannot be read"):
            storage.load(path)


def test_weights_in_another_file_must_be_there_unless_they_are_not_wanted(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    whole = onnx.ModelProto()
    whole.CopyFrom(cnn)
    onnx.save_model(cnn, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert storage.load(path).graph.initializer[1].raw_data == whole.graph.initializer[1].raw_data
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(BundleError, match=r"weights\.bin"):
        storage.load(path)
    assert len(storage.load(path, weights=False).graph.node) == len(whole.graph.node)


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 1 KB of weights be too much for one file."""
    monkeypatch.setattr(storage, "LIMIT", 1000)


def weights(model: onnx.ModelProto) -> dict[str, bytes]:
    return {each.name: each.raw_data for each in model.graph.initializer}


def test_large_weights_go_to_a_file_beside_and_come_back(cnn: onnx.ModelProto, tmp_path: Path, lowered: None) -> None:
    before = cnn.SerializeToString()
    storage.save(cnn, tmp_path / "net.onnx")
    assert cnn.SerializeToString() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["net.onnx", "net.onnx.data"]
    shell = storage.load(tmp_path / "net.onnx", weights=False)
    apart = {each.name: each for each in shell.graph.initializer if each.external_data}
    assert sorted(apart) == ["w1", "w2"]  # the others are below a kilobyte
    assert all(int(each.external_data[1].value) % 4096 == 0 for each in apart.values())
    assert weights(storage.load(tmp_path / "net.onnx")) == weights(cnn)
    feeds = {"image": np.full((2, 8, 8, 1), 7, np.uint8)}
    whole = onnxruntime.InferenceSession(before, providers=["CPUExecutionProvider"])
    parted = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(whole.run(None, feeds)[0], parted.run(None, feeds)[0])


def test_a_smaller_model_leaves_no_weights_of_the_one_before(
    cnn: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storage, "LIMIT", 1000)
        storage.save(cnn, tmp_path / "net.onnx")
    storage.save(cnn, tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["net.onnx"]


def test_what_makes_bytes_of_a_model_makes_a_file_of_a_large_one(cnn: onnx.ModelProto, lowered: None) -> None:
    assert storage.is_large(cnn)
    assert storage.size(cnn) == sum(len(each.raw_data) for each in cnn.graph.initializer)
    with storage.as_file(cnn) as path:
        assert weights(storage.load(path)) == weights(cnn)
    assert not path.exists()
    cleaning.check(cnn)
    assert slimming.slim(cnn) is None
    assert inspection.inspect(cnn).parameters == 1293
    feeds = {"image": np.full((2, 8, 8, 1), 7, np.uint8)}
    assert Probe(cnn, feeds).value("logits").shape == (2, 5)


def test_a_large_model_that_breaks_the_rules_is_found_too(cnn: onnx.ModelProto, lowered: None) -> None:
    cnn.graph.node[-1].input[0] = "nothing"
    with pytest.raises(BundleError, match="the ONNX graph is not valid"):
        cleaning.check(cnn)


def test_the_graph_of_a_file_in_onnxruntimes_own_format_is_read(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    path = mobile.write(cnn, tmp_path)
    found = storage.load(path)
    assert "FusedConv" in {node.op_type for node in found.graph.node}
    assert sorted(each.domain for each in found.opset_import) == ["", "com.microsoft"]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BundleError, match=r"model\.ort\" cannot be read"):
        storage.load(path)

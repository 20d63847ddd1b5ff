from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edgekit.errors import BundleError
from edgekit.graph import storage


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

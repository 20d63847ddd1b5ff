from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgekit.data.loading import load
from edgekit.data.sources import fashion_mnist, idx
from edgekit.errors import DataError
from edgekit.recipe.data import Data

NAMES = [name for pair in idx.FILES for name in pair]


def write(folder: Path, counts: tuple[int, int] = (50, 20), side: int = 28) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for (images, labels), count in zip(idx.FILES, counts, strict=True):
        for name, shape in ((images, (count, side, side)), (labels, (count,))):
            header = bytes((0, 0, 8, len(shape))) + b"".join(size.to_bytes(4, "big") for size in shape)
            content = np.arange(np.prod(shape)) % 10
            (folder / name).write_bytes(header + content.astype(np.uint8).tobytes())


def fake_hub(monkeypatch, load_dataset) -> None:
    module = ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_the_files_in_the_data_folder_come_first(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path))
    write(tmp_path / "fashion-mnist")
    data = load(Data(source="fashion-mnist", validation_fraction=0.2), tmp_path, 0)
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 20)
    assert np.bincount(data.validation.targets).tolist() == [1] * 10
    assert data.train.inputs.shape[1:] == (28, 28, 1)
    assert data.labels[9] == "Ankle boot"


def test_the_next_folder_is_asked_when_the_first_has_nothing(tmp_path):
    write(tmp_path / "second")
    assert len(fashion_mnist.read([tmp_path / "first", tmp_path / "second"]).train.inputs) == 50


def test_where_nothing_serves_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError) as caught:
        fashion_mnist.read([tmp_path / "a", tmp_path / "b"])
    assert str(tmp_path / "a") in str(caught.value)
    assert str(tmp_path / "b") in str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in caught.value.hint
    assert 'pip install "edgekit-onnx[hf]"' in caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_missing_among_the_others_is_named(tmp_path, name):
    write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"lacks the file {name}"):
        fashion_mnist.read([tmp_path])


def test_images_of_another_size_are_refused(tmp_path):
    write(tmp_path, side=32)
    with pytest.raises(
        DataError, match=r"train-labels-idx1-ubyte\" labels images of 32x32, and Fashion-MNIST has 28x28"
    ):
        fashion_mnist.read([tmp_path])


def test_the_hub_serves_where_no_folder_does(tmp_path, monkeypatch):
    def load_dataset(name):
        assert name == "zalando-datasets/fashion_mnist"
        rows = [{"image": np.full((28, 28), number, dtype=np.uint8), "label": number % 10} for number in range(30)]
        return {"train": rows, "test": rows[:10]}

    fake_hub(monkeypatch, load_dataset)
    train, test, labels, _ = fashion_mnist.read([tmp_path])
    assert train.inputs.shape == (30, 28, 28)
    assert train.inputs[7, 0, 0] == 7
    assert train.targets.tolist() == [number % 10 for number in range(30)]
    assert len(test.targets) == len(labels) == 10


@pytest.mark.parametrize("error", [ConnectionError("no route to the hub\nmore"), ValueError("no cache")], ids=repr)
def test_a_hub_that_cannot_be_reached_is_said_in_one_line(tmp_path, monkeypatch, error):
    def load_dataset(name):
        raise error

    fake_hub(monkeypatch, load_dataset)
    with pytest.raises(DataError) as caught:
        fashion_mnist.read([tmp_path])
    assert str(caught.value).endswith(str(error).splitlines()[0])
    assert "apt-get install dataset-fashion-mnist" in caught.value.hint

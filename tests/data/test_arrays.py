"""Arrays as a person gives them, matched to a model's inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.data.arrays import examples, read_arrays
from edgekit.errors import DataError, UsageError
from edgekit.signature import Tensor

IMAGES = [Tensor.parse("image: float32[N,2]")]
X, Y = np.zeros((3, 2)), np.arange(3)


def test_a_file_of_several_arrays_gives_them_by_name_and_one_of_one_array_has_no_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "several.npz", a=X, y=Y)
    np.save(tmp_path / "one.npy", X)
    assert list(read_arrays(tmp_path / "several.npz")) == ["a", "y"] and list(read_arrays(tmp_path / "one.npy")) == [""]


@pytest.mark.parametrize(
    ("held", "labelled"),
    [
        ({"image": X, "y": Y}, True),
        ({"x": X, "y": Y}, True),
        ({"x_test": X, "y_test": Y, "x": X[:1], "y": Y[:1]}, True),
        ({"": X}, False),
    ],
    ids=["by its name", "x", "x_test", "alone"],
)
def test_one_input_is_found_under_its_own_or_an_ordinary_name(held: dict[str, Any], labelled: bool) -> None:
    given, labels = examples(held, IMAGES)
    assert given["image"].shape == (3, 2) and given["image"].dtype == np.float32
    assert (labels is not None and len(labels) == 3) if labelled else labels is None


def test_what_fits_no_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no examples of "image"') as refused:
        examples({"picture": X}, IMAGES)
    assert "picture" in str(refused.value.hint)
    with pytest.raises(UsageError, match="one array is given"):
        examples({"": X}, [*IMAGES, Tensor.parse("size: float32[N,1]")])
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="cannot be read as arrays"):
        read_arrays(tmp_path / "broken.npz")

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from edgekit.reporting import pictures
from edgekit.reporting.differences import Pictures

Save = Callable[[dict[str, Any]], Path]


def decoded(address: str) -> np.ndarray:
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    values: np.ndarray = np.round(255 * matplotlib.image.imread(io.BytesIO(base64.b64decode(data)), format="png"))
    return values.astype(np.uint8)


def test_images_and_maps_come_out_as_they_went_in(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    with np.load(folder / "differences.npz") as saved:
        arrays = dict(saved)
    found = pictures.read(folder, Pictures.model_validate(run["differences"]["pictures"]))
    assert len(found) == 3
    for at, picture in enumerate(found):
        assert (decoded(picture.image)[..., :3] == arrays["images"][at]).all(), "grey in every channel"
        for heat, values in ((picture.teacher, arrays["teacher"][at]), (picture.model, arrays["model"][at])):
            assert (np.abs(decoded(heat)[..., 3] - 0.8 * values) <= 0.51).all(), "the greater, the more opaque"


def test_colours_and_missing_maps(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    np.savez(folder / "differences.npz", images=images)
    found = pictures.read(folder, Pictures.model_validate(run["differences"]["pictures"]))
    assert (decoded(found[1].image)[..., :3] == images[1]).all()
    assert found[1].teacher == found[1].model == ""


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:200]), id="cut short"),
        pytest.param(lambda path: np.savez(path, images=np.zeros((2, 8, 8, 1), np.uint8)), id="too few"),
        pytest.param(lambda path: np.savez(path, images=np.zeros((3, 8, 8, 1))), id="no pixels"),
        pytest.param(lambda path: np.savez(path, teacher=np.zeros((3, 2, 2), np.uint8)), id="maps alone"),
    ],
)
def test_a_file_that_is_not_what_was_written_gives_none(
    spoil: Callable[[Path], Any], run: dict[str, Any], save: Save
) -> None:
    folder = save(run)
    spoil(folder / "differences.npz")
    assert pictures.read(folder, Pictures.model_validate(run["differences"]["pictures"])) == []

from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.dataset import Split
from edgekit.data.normalizing import settled
from edgekit.errors import DataError
from edgekit.recipe.data import Data, Normalize

AUTO = Data(source="x", normalize="auto").normalize


@pytest.mark.parametrize(
    ("inputs", "scale"),
    [
        (np.random.default_rng(0).integers(0, 256, (40, 5, 4, 3)).astype(np.uint8), 255),
        (np.random.default_rng(0).normal(3, 2, (40, 6)).astype(np.float32), 1),
        (np.random.default_rng(0).normal(3, 2, (40, 7, 2)).astype(np.float32), 1),
    ],
    ids=["pixels", "features", "windows"],
)
def test_auto_is_measured_over_all_but_the_last_dimension(inputs, scale):
    found = settled(AUTO, Split(inputs, np.zeros(len(inputs), np.int64)))
    flat = inputs.reshape(-1, inputs.shape[-1]) / scale
    np.testing.assert_allclose(found.mean, flat.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.std, flat.std(axis=0), rtol=1e-5)


def test_a_feature_that_never_varies_is_not_divided_by_nothing():
    found = settled(AUTO, Split(np.full((9, 1), 5, np.float32), np.zeros(9)))
    assert (found.mean, found.std) == ([5.0], [1.0])


def test_what_a_recipe_says_stays():
    said = Normalize(mean=[0.5], std=[0.25])
    assert settled(said, Split(np.ones((2, 1), np.float32), np.zeros(2))) is said


def test_token_ids_are_not_normalised():
    with pytest.raises(DataError, match="token ids"):
        settled(AUTO, Split(np.ones((2, 3), np.int64), np.zeros(2)))

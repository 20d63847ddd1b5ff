from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.mixing import WHOLE, Mixing
from edgekit.recipe.data import Augment

SHAPE = (12, 10, 3)


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def mixing(mixup: float, cutmix: float, examples: int = 300, number: int = 0) -> Mixing:
    return Mixing(Augment(mixup=mixup, cutmix=cutmix), SHAPE, examples, 0, number)


def test_a_blended_image_is_the_weighted_mean_of_both_rounded_to_the_nearest():
    mix, own, other = mixing(1, 0), images(300, 0), images(300, 1)
    got = mix.apply(own, other, np.arange(300))
    share = mix.share.reshape(-1, 1, 1, 1).astype(np.float64)
    assert np.array_equal(got, np.floor(share * own + (1 - share) * other + 0.5).astype(np.uint8))


def test_a_cut_image_is_the_other_within_one_rectangle_and_its_own_outside_and_the_share_counts_the_pixels():
    mix = mixing(0, 1)
    own, other = np.zeros((300, *SHAPE), np.uint8), np.ones((300, *SHAPE), np.uint8)
    for got, share in zip(mix.apply(own, other, np.arange(300)), mix.share, strict=True):
        taken = got[..., 0]
        assert (got == taken[..., None]).all()
        assert share == pytest.approx(1 - taken.mean(), abs=1e-6)
        rows, columns = taken.any(1).nonzero()[0], taken.any(0).nonzero()[0]
        if len(rows):
            assert taken[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_so_many_are_blended_so_many_cut_and_the_others_left_alone():
    mix = mixing(0.25, 0.5, 20_000)
    own, other = np.zeros((20_000, 1, 1, 1), np.uint8), np.full((20_000, 1, 1, 1), 255, np.uint8)
    mixed = mix.mixed(np.arange(20_000))
    assert abs(len(mixed) / 20_000 - 0.75) < 0.01
    alone = np.setdiff1d(np.arange(20_000), mixed)
    assert (mix.share[alone] == 1).all()
    between = mix.apply(own, other, np.arange(20_000))[mixed].ravel()
    assert abs(np.mean((between > 0) & (between < 255)) - 1 / 3) < 0.02


def test_shares_of_blended_images_are_even_over_0_to_1():
    shares = mixing(1, 0, 50_000).share
    counts, _ = np.histogram(shares, bins=8, range=(0, 1))
    assert np.abs(counts / 50_000 - 1 / 8).max() < 0.01
    assert (shares * WHOLE == np.rint(shares * WHOLE)).all()


def test_partners_are_a_permutation_and_another_one_in_every_view():
    first, second = mixing(1, 0).partner, mixing(1, 0, number=1).partner
    assert sorted(first) == list(range(300))
    assert not np.array_equal(first, second)


def test_an_example_is_mixed_the_same_in_any_batch():
    mix, own, other = mixing(0.5, 0.5), images(300, 0), images(300, 1)
    whole = mix.apply(own, other, np.arange(300))
    for part in np.array_split(np.random.default_rng(0).permutation(300), 7):
        assert np.array_equal(mix.apply(own[part], other[part], part), whole[part])

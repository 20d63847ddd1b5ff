from __future__ import annotations

import random

import numpy as np
import torch

from edgekit.training.randomness import seeded


def draw() -> list[float]:
    return [torch.rand(()).item(), random.random(), np.random.random()]


def test_an_epoch_draws_the_same_whenever_it_is_run():
    with seeded(3, 5):
        first = draw()
    with seeded(3, 6):
        next_epoch = draw()
    with seeded(4, 5):
        other_seed = draw()
    with seeded(3, 5):
        again = draw()
    assert again == first
    assert not set(first) & set(next_epoch)
    assert not set(first) & set(other_seed)


def test_the_callers_own_random_numbers_go_on_as_if_nothing_had_happened():
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    undisturbed = draw() + draw()
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    disturbed = draw()
    try:
        with seeded(0, 0):
            draw()
            raise RuntimeError
    except RuntimeError:
        pass
    assert disturbed + draw() == undisturbed

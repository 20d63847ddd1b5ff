from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.examples import Examples
from edgekit.data.splitting import hold_out
from edgekit.errors import DataError


def numbered(targets: list[int]) -> Examples:
    return Examples(np.arange(len(targets)), np.array(targets), "numbers")


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.37, 0.5, 0.89])
def test_every_example_is_in_one_part_and_every_class_gives_its_share(fraction):
    examples = numbered([0] * 100 + [1] * 57 + [2] * 21)
    rest, held = hold_out(examples, fraction, 0, "test")
    assert sorted([*rest.inputs, *held.inputs]) == list(range(178))
    assert len(held.targets) == int(178 * fraction + 0.5)
    for number, size in ((0, 100), (1, 57), (2, 21)):
        assert abs(np.sum(held.targets == number) - size * fraction) <= 1
    assert (examples.targets[held.inputs] == held.targets).all()


def test_the_order_is_kept():
    rest, held = hold_out(numbered([0, 1] * 20), 0.3, 0, "test")
    assert sorted(rest.inputs) == rest.inputs.tolist()
    assert sorted(held.inputs) == held.inputs.tolist()


def test_the_same_seed_holds_out_the_same_examples_on_every_machine():
    assert hold_out(numbered([0, 1] * 10), 0.3, 5, "test")[1].inputs.tolist() == [1, 2, 6, 7, 17, 18]


@pytest.mark.parametrize(("seed", "purpose"), [(1, "test"), (0, "validation")], ids=["seed", "purpose"])
def test_others_are_held_out_by_another(seed, purpose):
    examples = numbered([0, 1] * 100)
    assert (
        hold_out(examples, 0.3, 0, "test")[1].inputs.tolist()
        != hold_out(examples, 0.3, seed, purpose)[1].inputs.tolist()
    )


def test_too_few_examples_to_hold_any_out_are_refused():
    with pytest.raises(DataError, match="4 examples are too few to hold out") as caught:
        hold_out(numbered([0, 1, 0, 1]), 0.1, 0, "validation")
    assert "data.validation_fraction" in caught.value.hint

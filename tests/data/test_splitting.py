from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.examples import Examples
from edgekit.data.splitting import hold_out
from edgekit.errors import DataError
from edgekit.recipe.data import SplitRule


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


HASH, GROUP = SplitRule(by="hash"), SplitRule(by="group")


def texts(*held: str) -> Examples:
    inputs = np.empty(len(held), dtype=object)
    inputs[:] = held
    return Examples(inputs, np.zeros(len(held), dtype=np.int64), "texts")


def test_by_hash_equal_examples_share_a_side_and_further_ones_move_none():
    words = [f"word {number % 300}" for number in range(600)]
    rest, held = hold_out(texts(*words), 0.2, 0, "test", HASH)
    assert not set(rest.inputs) & set(held.inputs)
    assert 0.1 < len(held.inputs) / 600 < 0.3
    more_rest, more_held = hold_out(texts(*words, *(f"more {number}" for number in range(300))), 0.2, 9, "test", HASH)
    assert set(rest.inputs) <= set(more_rest.inputs)
    assert set(held.inputs) <= set(more_held.inputs)


def test_by_hash_arrays_are_told_apart_by_what_they_hold():
    examples = Examples(np.arange(200).repeat(2).reshape(400, 1), np.zeros(400, np.int64), "arrays")
    rest, held = hold_out(examples, 0.3, 0, "test", HASH)
    assert not set(rest.inputs.ravel()) & set(held.inputs.ravel())


def grouped() -> Examples:
    return Examples(np.arange(60), np.arange(60) % 2, "people", np.arange(60) // 6)


def test_by_group_what_belongs_together_stays_together():
    rest, held = hold_out(grouped(), 0.3, 0, "test", GROUP)
    assert not set(rest.groups) & set(held.groups)
    assert len(held.targets) == 18


def test_by_group_a_recipe_may_say_which_are_held_out():
    _, held = hold_out(grouped(), 0.3, 0, "validation", SplitRule(by="group", validation=[4, "7"]))
    assert set(held.groups) == {4, 7}


@pytest.mark.parametrize(
    ("examples", "rule", "told", "hint"),
    [
        (numbered([0, 1] * 20), GROUP, "says of no example which group", "data.columns.group"),
        (grouped(), SplitRule(by="group", test=[11]), 'has no group "11"', "it has 0, 1, 2"),
    ],
    ids=["no groups", "an unknown group"],
)
def test_groups_that_are_not_there_are_refused(examples, rule, told, hint):
    with pytest.raises(DataError, match=told) as caught:
        hold_out(examples, 0.2, 0, "test", rule)
    assert hint in caught.value.hint

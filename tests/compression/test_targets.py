from __future__ import annotations

from typing import Any

import pytest
import torch

from edgekit import hardware
from edgekit.compression import targets
from edgekit.compression.groups import Group
from edgekit.errors import ModelError


def group(name: str, channels: int, importance: Any = None, parts: int = 1, full: int | None = None) -> Group:
    values = torch.tensor(importance) if importance is not None else torch.ones(channels // parts)
    return Group(name, channels, full or channels, parts, values, {}, None)


def test_uniform_rounds_to_the_nearest_multiple_and_never_to_none_or_above():
    groups = [group("a", 16), group("b", 6), group("c", 3), group("d", 24, parts=6)]
    assert targets.uniform(0.3, 4)(groups) == {"a": 12, "b": 4, "c": 3, "d": 12}
    assert targets.uniform(0.99, 4)(groups) == {"a": 4, "b": 4, "c": 3, "d": 12}
    assert targets.uniform(0.01, 4)(groups)["a"] == 16


def test_a_later_step_counts_from_what_there_was_at_first():
    assert targets.uniform(0.5, 8)([group("a", 24, full=32)]) == {"a": 16}
    assert targets.uniform(0.25, 8)([group("a", 16, full=32)]) == {"a": 16}, "what is gone does not come back"


@pytest.mark.parametrize(("flags", "block"), [(["avx2", "avx512f"], 16), (["avx2"], 8)], ids=["AVX-512", "AVX2"])
def test_channels_are_rounded_to_what_the_device_computes_at_once(monkeypatch, flags, block):
    monkeypatch.setattr(hardware, "machine", lambda: {"flags": flags})
    assert targets.block() == block
    assert targets.uniform(0.3, None)([group("wide", 10 * block)]) == {"wide": 7 * block}


def test_narrow_layers_are_rounded_to_less(monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: {"flags": ["avx512f"]})
    groups = [group("a", 32), group("b", 16), group("c", 8), group("d", 4), group("e", 3)]
    assert targets.uniform(0.5, None)(groups) == {"a": 16, "b": 8, "c": 4, "d": 4, "e": 3}


def test_overall_takes_the_least_important_wherever_they_are():
    groups = [group("a", 4, [1.0, 2.0, 3.0, 4.0]), group("b", 4, [5.0, 6.0, 7.0, 0.5])]
    assert targets.overall(0.5, 1)(groups) == {"a": 1, "b": 3}
    assert targets.overall(0.9, 1)(groups) == {"a": 1, "b": 1}, "every layer keeps a channel"
    assert targets.overall(0.5, 1)([]) == {}


def test_overall_counts_what_is_gone_already():
    groups = [group("a", 2, [3.0, 4.0], full=4), group("b", 4, [5.0, 6.0, 7.0, 0.5])]
    assert targets.overall(0.25, 1)(groups) == {"a": 2, "b": 4}


def linear(groups, widths):
    """A microsecond for each channel of "a", ten for one of "b", and five for the rest."""
    return 5 + widths["a"] + 10 * widths["b"]


def test_the_smallest_uniform_ratio_that_is_fast_enough_is_found():
    groups = [group("a", 100), group("b", 100)]
    widths = targets.uniform_until(555, linear, 1)(groups)
    assert widths == {"a": 50, "b": 50}
    assert linear(groups, {"a": 51, "b": 51}) > 555


def test_time_is_saved_where_it_costs_least_importance():
    groups = [group("a", 8, [1.0] * 8), group("b", 8, [1.0] * 8)]
    assert targets.cheapest_until(53, linear, 2)(groups) == {"a": 8, "b": 4}
    # Where a channel of "b" is worth more than ten of "a", "a" goes first.
    groups = [group("a", 8, [0.01] * 8), group("b", 8, [1.0] * 8)]
    assert targets.cheapest_until(88, linear, 2)(groups) == {"a": 2, "b": 8}


def test_what_saves_nothing_alone_is_taken_last():
    def stepwise(groups, widths):
        return 10 * max(widths["a"], widths["b"])

    groups = [group("a", 4, [1.0] * 4), group("b", 4, [2.0] * 4)]
    assert targets.cheapest_until(20, stepwise, 2)(groups) == {"a": 2, "b": 2}


@pytest.mark.parametrize("until", [targets.uniform_until, targets.cheapest_until])
def test_a_time_that_nothing_reaches_is_an_error_that_says_the_nearest(until):
    with pytest.raises(ModelError, match=r"no pruning reaches 0\.01 ms: at its narrowest .* take 0\.016 ms") as caught:
        until(10, linear, 1)([group("a", 8), group("b", 8)])
    assert caught.value.hint


@pytest.mark.parametrize("until", [targets.uniform_until, targets.cheapest_until])
def test_what_is_fast_enough_stays_as_it_is(until):
    assert until(1000, linear, 1)([group("a", 8), group("b", 8)]) == {"a": 8, "b": 8}

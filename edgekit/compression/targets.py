"""How many channels every group keeps: by a ratio, or as few as a latency asks for.

Numbers alone: groups go in, widths come out. What a latency would be is told by whoever asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch

from edgekit import hardware
from edgekit.compression.groups import Group
from edgekit.errors import ModelError

Widths = dict[str, int]
Choice = Callable[[Sequence[Group]], Widths]
Predict = Callable[[Sequence[Group], Mapping[str, int]], float]
_NARROWEST = 4  # what "auto" rounds to at least
_HALVINGS = 12  # of the ratio's range: finer than any layer's widths


def block() -> int:
    """Return the multiple of channels that onnxruntime's convolutions compute here: 12 of 16 take as long as 16."""
    return 16 if "avx512f" in hardware.machine()["flags"] else 8


def uniform(ratio: float, round_to: int | None) -> Choice:
    """Remove about `ratio` of every group's channels. `round_to`: None is the device's block."""
    return lambda groups: {each.name: _rounded(each, each.full * (1 - ratio), round_to) for each in groups}


def overall(ratio: float, round_to: int | None) -> Choice:
    """Remove about `ratio` of all channels, wherever the least important ones are."""

    def choose(groups: Sequence[Group]) -> Widths:
        if not groups:
            return {}
        everything = torch.cat([each.importance for each in groups])
        kept = round(sum(each.full // each.parts for each in groups) * (1 - ratio))
        threshold = torch.sort(everything).values[max(len(everything) - kept, 0)] if kept else math.inf
        counts = {each.name: int((each.importance >= threshold).sum()) * each.parts for each in groups}
        return {each.name: _rounded(each, counts[each.name], round_to) for each in groups}

    return choose


def uniform_until(limit: float, predict: Predict, round_to: int | None) -> Choice:
    """Remove the smallest ratio of every group that `predict` says takes no longer than `limit`."""

    def choose(groups: Sequence[Group]) -> Widths:
        low, high = 0.0, 1.0
        found = uniform(high, round_to)(groups)
        _check(predict(groups, found), limit)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            widths = uniform(middle, round_to)(groups)
            if predict(groups, widths) <= limit:
                high, found = middle, widths
            else:
                low = middle
        return found

    return choose


def cheapest_until(limit: float, predict: Predict, round_to: int | None) -> Choice:
    """Take away block by block what loses the least importance for the time it saves, until `limit` is met."""

    def choose(groups: Sequence[Group]) -> Widths:
        _check(predict(groups, uniform(1.0, round_to)(groups)), limit)
        widths = {each.name: each.channels for each in groups}
        now = predict(groups, widths)
        while now > limit:
            offers = []
            for each in groups:
                narrower = _next(each, widths[each.name], round_to)
                if narrower < widths[each.name]:
                    then = predict(groups, widths | {each.name: narrower})
                    # What saves nothing by itself may yet save with another's: it comes last.
                    price = _worth(each, narrower, widths[each.name]) / max(now - then, 1e-6 * now)
                    offers.append((price, each.name, narrower, then))
            _, name, narrower, now = min(offers)
            widths[name] = narrower
        return widths

    return choose


def _check(least: float, limit: float) -> None:
    if least > limit:
        raise ModelError(
            f"no pruning reaches {limit / 1e3:.3g} ms: at its narrowest the network is predicted to take "
            f"{least / 1e3:.3g} ms",
            "ask for less, or prune a network that was built smaller",
        )


def _step(group: Group, round_to: int | None) -> int:
    """Return the multiple a group's width is rounded to; "auto" halves its own for layers narrower than two of it."""
    if round_to is None:
        round_to = block()
        while round_to > _NARROWEST and group.full < 2 * round_to:
            round_to //= 2
    return math.lcm(round_to, group.parts)


def _rounded(group: Group, wanted: float, round_to: int | None) -> int:
    """Return the multiple nearest to `wanted`, one at least, and no more than there are."""
    step = _step(group, round_to)
    return min(max(math.ceil(wanted / step - 0.5), 1) * step, group.channels)


def _next(group: Group, width: int, round_to: int | None) -> int:
    step = _step(group, round_to)
    return max(math.ceil(width / step) - 1, 1) * step


def _worth(group: Group, narrower: int, width: int) -> float:
    """Return the importance of what goes between two widths."""
    least = torch.sort(group.importance).values
    gone, going = ((group.channels - each) // group.parts for each in (width, narrower))
    return float(least[gone:going].sum()) * group.parts

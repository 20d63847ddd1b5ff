"""The first tensor of a graph that is wrong, found with few looks. Imports the graph room alone.

A look computes a part of the graph anew, so the tensors are bisected in the graph's order: between one that is right
and a later one that is wrong there is a step where it goes wrong. Side branches are right or wrong by themselves, so
what the found tensor depends on is looked at again, until all that it reads is right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from edgekit.graph.probing import Probe, reads


def first_wrong(probe: Probe, known: Collection[str], right: Callable[[str], bool], wrong: str) -> str:
    """Return the first tensor that is not right, of `known` ones, among what `wrong` depends on.

    `right(name)` looks at one tensor of `known`; `wrong` is known to be wrong. Everything the returned tensor depends
    on through known tensors is right.
    """
    looked: dict[str, bool] = {wrong: False}

    def is_right(name: str) -> bool:
        if name not in looked:
            looked[name] = right(name)
        return looked[name]

    while True:
        before = probe.ancestors(wrong) - {wrong}
        chain = [name for name in probe.nodes if name in before and name in known]
        low, high = -1, len(chain)  # what stands before the first is right, and what stands after the last is not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_right(chain[middle]) else (low, middle)
        if high < len(chain):
            wrong = chain[high]
        strays = [name for name in _nearest(probe, wrong, known) if not is_right(name)]
        if not strays:
            return wrong
        wrong = strays[0]


def _nearest(probe: Probe, name: str, known: Collection[str]) -> list[str]:
    """List the known tensors that `name` is computed from with no known one between."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(reads(probe.nodes[name])) if name in probe.nodes else []
    while waiting:
        each = waiting.pop()
        if each in seen or each not in probe.nodes:
            continue
        seen.add(each)
        if each in known:
            found[each] = None
        else:
            waiting += reads(probe.nodes[each])
    return list(found)

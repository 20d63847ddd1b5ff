"""Which inputs of a model are its memory: a step cell takes `h` and answers `next_h`. Imports the signature alone.

A network that reads one token after the other is exported as a single step, with the state it goes on from as inputs
and the state it leaves as outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.signature import Tensor

NEXT = "next_"


def states(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> dict[str, str]:
    """Return the output that each state goes on as, by the state's name; {} for a model that keeps none.

    A state is an input with an output `next_NAME` of its dtype and shape.
    """
    answered = {tensor.name: tensor for tensor in outputs}
    found = {}
    for tensor in inputs:
        then = answered.get(NEXT + tensor.name)
        if then and then.dtype == tensor.dtype and len(then.shape) == len(tensor.shape):
            found[tensor.name] = then.name
    return found

"""The kinds of 8-bit integers that activations and weights can be, and what each is good for. Imports nothing.

Which one is fast and safe depends on the processor: on x86 uint8 activations with int8 weights have kernels, and full
range saturates without VNNI; int8 with int8 is ARM's and TensorRT's kind.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Scheme(NamedTuple):
    """One kind: `reduce_range` keeps weights to 7 bits; `per_channel` gives every output channel a scale."""

    name: str
    activations: Literal["uint8", "int8"]
    weights: Literal["uint8", "int8"]
    reduce_range: bool = False
    per_channel: bool = True


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("u8s8", "uint8", "int8"),
        Scheme("u8s7", "uint8", "int8", reduce_range=True),
        Scheme("s8s8", "int8", "int8"),
        Scheme("u8u8", "uint8", "uint8", per_channel=False),  # QLinearConv takes zero points by channel only of 0
    )
}

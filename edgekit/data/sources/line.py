"""A straight line with noise, y = 2 x + 1 + N(0, 0.1), at 100 places: the smallest thing that can be learned."""

from __future__ import annotations

import numpy as np

from edgekit.data.examples import Examples, Source
from edgekit.data.randomness import words

POINTS, SLOPE, INTERCEPT, NOISE = 100, 2.0, 1.0, 0.1


def read() -> Source:
    """Return x float32 [100,1], even in 0..1, and y float32 [100]."""
    even = (words(3 * POINTS, 0, "line") >> np.uint64(11)) / float(1 << 53)
    x, one, other = even.reshape(3, POINTS)
    noise = np.sqrt(-2 * np.log1p(-one)) * np.cos(2 * np.pi * other)  # Box and Muller 1958
    y = SLOPE * x + INTERCEPT + NOISE * noise
    return Source(Examples(x[:, None].astype(np.float32), y.astype(np.float32), "line"))

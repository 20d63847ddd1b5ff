"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn carries: what the quickstart runs on."""

from __future__ import annotations

import numpy as np

from edgekit.data.examples import Examples, Source
from edgekit.extras import need


def read() -> Source:
    """Return uint8 [1797,8,8], the original 0..16 stretched to 0..255; there is no test split."""
    bunch = need("sklearn.datasets", 'the data source "digits"').load_digits()
    inputs = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return Source(Examples(inputs, bunch.target, "digits"), labels=[str(digit) for digit in range(10)])

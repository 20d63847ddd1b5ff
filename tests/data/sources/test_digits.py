from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.sources import digits


def test_the_digits_of_scikit_learn_fill_the_range_of_a_byte():
    pytest.importorskip("sklearn")
    train, test, labels, _ = digits.read()
    assert train.inputs.shape == (1797, 8, 8)
    assert train.inputs.dtype == np.uint8
    assert len(np.unique(train.inputs)) == 17
    assert train.inputs.max() == 255
    assert labels == list("0123456789")
    assert test is None

import numpy as np
import pytest

from edgekit.compression.calibrating import share
from edgekit.errors import DataError
from edgekit.signature import Tensor

X = Tensor.parse("x: float32[N,T]")


def rows(count=100):
    return {"x": np.arange(count * 3, dtype=np.float32).reshape(count, 3)}


def test_no_example_is_both_calibrated_and_judged_on_and_labels_stay_with_theirs():
    shared = share(rows(), np.arange(100), [X], most=30)
    seen = [set(part["x"][:, 0].tolist()) for part in (shared.calibration, shared.judging)]
    assert not seen[0] & seen[1] and len(seen[0]) == 30 and len(seen[0] | seen[1]) == 100
    assert (shared.judging["x"][:, 0] == 3 * shared.labels).all()


def test_at_most_half_is_calibrated_on():
    assert len(share(rows(40), None, [X], most=512).calibration["x"]) == 20


def test_a_dimension_that_no_example_varies_is_told():
    assert "T is 3 in every example" in share(rows(), None, [X]).notes[0]


def test_pixels_that_were_scaled_before_are_told():
    pixels = Tensor.parse("image: uint8[N,3]")
    scaled = {"image": np.arange(150, dtype=np.uint8).reshape(50, 3) % 2}
    assert "divided by 255 already" in share(scaled, None, [pixels]).notes[0]
    assert not share({"image": 200 * scaled["image"]}, None, [pixels]).notes


@pytest.mark.parametrize(
    ("examples", "labels", "complaint"),
    [
        (rows(31), None, "31 examples, and 32 are the fewest"),
        (rows(), np.arange(99), "x 100, y 99"),
        ({"x": np.zeros((50, 3), np.float64)}, None, r'float64\[50,3\], and the model takes "x: float32\[N,T\]"'),
        ({"x": np.zeros((50, 3, 1), np.float32)}, None, r"float32\[50,3,1\]"),
        ({"x": np.full((50, 3), 2, np.float32)}, None, "are 2 throughout"),
        ({"x": np.full((50, 3), np.nan, np.float32)}, None, "NaN"),
    ],
    ids=["few", "fewer labels", "dtype", "rank", "constant", "NaN"],
)
def test_examples_that_cannot_serve_are_refused_with_what_was_found(examples, labels, complaint):
    with pytest.raises(DataError, match=complaint):
        share(examples, labels, [X])

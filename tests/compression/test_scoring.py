import numpy as np
import pytest

from edgekit.compression.scoring import metric
from edgekit.signature import Tensor


class Fake:
    """A session that answers from a table, by the rows it is fed."""

    outputs = (Tensor.parse("y: float32[N,3]"),)

    def __init__(self, table):
        self.table = np.asarray(table, np.float32)

    def run(self, feeds):
        return {"y": self.table[feeds["rows"]]}


SAMPLES = [{"rows": np.array([0, 1])}, {"rows": np.array([2])}]
FLOAT = Fake([[3, 1, 0], [0, 2, 1], [0, 1, 5]])
OTHER = Fake([[3, 1, 0], [4, 2, 1], [0, 1, 5]])


def test_with_labels_it_is_accuracy():
    name, score = metric(FLOAT, SAMPLES, np.array([0, 0, 2]))
    assert name == "accuracy"
    assert score(FLOAT).tolist() == [1, 0, 1] and score(OTHER).tolist() == [1, 1, 1]


def test_without_labels_it_is_agreement_with_the_float_model():
    name, score = metric(FLOAT, SAMPLES, None)
    assert name == "agreement"
    assert score(FLOAT).tolist() == [1, 1, 1] and score(OTHER).tolist() == [1, 0, 1]


def test_of_what_is_no_class_it_is_one_less_the_relative_error():
    name, score = metric(Fake([[2.0], [4.0], [-1.0]]), SAMPLES, None)
    assert name == "likeness"
    assert score(Fake([[2.0], [3.0], [1.0]])).tolist() == pytest.approx([1, 0.75, 0])

from __future__ import annotations

import numpy as np
import pytest

from edgekit.exporting.agreement import EXACT, TOLERANCES, Answered, figures, outside, parity, tolerance

NAN, INF = np.nan, np.inf
LIMIT = TOLERANCES["float32"]


def test_the_figures_are_those_worked_out_by_hand():
    expected = np.array([[1.0, 2.0], [3.0, 1.0]], np.float32)
    found = figures([np.array([[1.0, 2.5], [1.0, 3.0]], np.float32)], [expected], LIMIT)
    assert found.max_abs == 2
    assert found.mean_abs == pytest.approx((0.5 + 2 + 2) / 4)
    assert found.max_rel == 2
    assert found.argmax_agreement == 0.5
    cosine = (1 + 5 + 3 + 3) / (np.linalg.norm([1, 2.5, 1, 3]) * np.linalg.norm(expected))
    assert found.cosine == pytest.approx(cosine)


def test_figures_go_over_all_cases_of_all_shapes():
    ours, theirs = [np.zeros((1, 3), "f"), np.ones((2, 5), "f")], [np.zeros((1, 3), "f"), np.full((2, 5), 2, "f")]
    found = figures(ours, theirs, LIMIT)
    assert (found.max_abs, found.mean_abs, found.argmax_agreement) == (1, pytest.approx(10 / 13), 1)


def test_answers_of_nothing_but_zeros_are_alike():
    zeros = np.zeros((2, 3), np.float32)
    assert figures([zeros], [zeros], LIMIT).cosine == 1


def test_a_relative_error_is_told_of_what_is_larger_than_the_tolerance():
    found = figures([np.array([1e-5, 1.1], "f")], [np.array([1e-9, 1.0], "f")], LIMIT)
    assert found.max_rel == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(
    ("actual", "expected", "where"),
    [
        ([1.0, 2.0], [1.0, 2.0011], None),
        ([1.0, 2.0], [1.0, 2.0030], (1,)),
        ([3.0, 2.5], [1.0, 2.0], (0,)),
        ([INF, -INF, NAN], [INF, -INF, NAN], None),
        ([1.0, NAN], [1.0, 1.0], (1,)),
        ([1.0, 1.0], [1.0, NAN], (1,)),
        ([5.0, INF], [1.0, -INF], (1,)),
        ([0.0, 3.0], [0.0, INF], (1,)),
    ],
)
def test_the_place_furthest_apart_is_found(actual, expected, where):
    assert outside(np.array(actual, np.float32), np.array(expected, np.float32), LIMIT) == where


@pytest.mark.parametrize(
    ("actual", "expected", "where"),
    [
        (np.array([[1, 2]]), np.array([[1, 4]]), (0, 1)),
        (np.array([True, False]), np.array([True, True]), (1,)),
        (np.array(["a", "b"], object), np.array(["a", "c"], object), (1,)),
        (np.array(["a"], object), np.array(["a"], object), None),
        (np.array(2.0, np.float32), np.array(1.0, np.float32), ()),
        (np.array([7], np.uint8), np.array([7], np.uint8), None),
    ],
)
def test_what_is_no_float_must_be_the_same(actual, expected, where):
    assert outside(actual, expected, tolerance(actual, expected)) == where


def test_the_coarser_dtype_says_what_is_allowed():
    half, single = np.zeros(2, np.float16), np.zeros(2, np.float32)
    assert tolerance(half, single) == tolerance(single, half) == TOLERANCES["float16"]
    assert tolerance(np.zeros(2, int), np.zeros(2, int)) == EXACT
    assert TOLERANCES["float64"] < TOLERANCES["float32"] < TOLERANCES["float16"]


def test_infinities_that_both_answer_do_not_spoil_the_figures():
    values = np.array([[-INF, 1.0, 2.0]], np.float32)
    found = figures([values + np.float32(0.5)], [values], LIMIT)
    assert (found.max_abs, found.mean_abs) == (0.5, 0.5)
    assert 0.9 < found.cosine < 1


def test_parity_tells_the_worst_of_all_outputs_and_each():
    near, far = np.ones((2, 2), "f"), np.full((2, 2), 3, "f")
    ids = np.array([1, 2])
    said = parity(
        [Answered({"N": 2, "T": 5}, {"a": near, "b": far, "ids": ids}, {"a": near, "b": near, "ids": ids})], "N"
    )
    told = said.to_dict()
    assert (told["max_abs"], told["mean_abs"], told["batches"], told["cases"]) == (2, 2, [2], [{"N": 2, "T": 5}])
    assert {name: (each["max_abs"], each["dtype"]) for name, each in told["outputs"].items()} == {
        "a": (0, "float32"), "b": (2, "float32"), "ids": (0, "int64")
    }  # fmt: skip
    assert told["outputs"]["ids"]["argmax_agreement"] is None
    assert told["argmax_agreement"] == 1
    assert "metric" not in told

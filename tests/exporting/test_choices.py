from __future__ import annotations

import numpy as np
import pytest

from edgekit.exporting.agreement import Tolerance
from edgekit.exporting.choices import Answers, Chosen, chosen_by, settled

SCORES = np.array([[0.5, 0.50001, 0.2], [0.9, 0.1, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("actual", "expected", "found", "ties"),
    [
        ([0, 0], [1, 0], [1, 0], 1),
        ([2, 0], [1, 0], [2, 0], 0),
        ([0, 1], [1, 0], [1, 1], 1),
        ([7, -1], [1, 0], [7, -1], 0),
    ],
    ids=["as good", "worse", "one of each", "no class"],
)
def test_another_class_is_taken_for_the_expected_where_it_scores_as_much(actual, expected, found, ties):
    settling = settled(np.array(actual), np.array(expected), Chosen(SCORES))
    np.testing.assert_array_equal(settling[0], found)
    assert settling[1] == ties


def test_ranks_may_be_exchanged_between_classes_of_the_same_score():
    got, ties = settled(np.array([[0, 1], [0, 2]]), np.array([[1, 0], [0, 1]]), Chosen(SCORES))
    np.testing.assert_array_equal(got, [[1, 0], [0, 2]])
    assert ties == 2


def test_a_decision_may_be_another_only_at_the_threshold():
    chosen = Chosen(np.array([[0.50002, 0.7]], np.float32), 0.5)
    got, ties = settled(np.array([[False, False]]), np.array([[True, True]]), chosen)
    np.testing.assert_array_equal(got, [[True, False]])
    assert ties == 1


def test_a_tolerance_that_was_asked_for_is_the_one_that_counts():
    assert settled(np.array([1]), np.array([0]), Chosen(SCORES[1:]), Tolerance(1.0, 0))[1] == 1


def top(probabilities: list[float], classes: list[int]) -> dict[str, np.ndarray]:
    return {"top_probabilities": np.array([probabilities], np.float32), "top_classes": np.array([classes])}


@pytest.mark.parametrize(
    ("classes", "agree"),
    [([4, 1], True), ([1, 4], True), ([4, 9], True), ([9, 4], False), ([4, 4], True)],
    ids=["same", "exchanged", "another at the end", "another at the top", "one twice"],
)
def test_between_files_the_top_probabilities_tell_which_classes_are_as_good(classes, agree):
    wanted = top([0.4, 0.39999] if classes != [9, 4] else [0.4, 0.2], [4, 1])
    got = top([0.4, 0.4], classes)
    chosen = chosen_by(wanted, got)["top_classes"]
    found, _ = settled(got["top_classes"], wanted["top_classes"], chosen)
    assert np.array_equal(found, wanted["top_classes"]) is agree


def test_what_a_model_itself_says_comes_first_and_of_either_model():
    said = {"class": Chosen(SCORES)}
    plain = {"class": np.array([0, 0])}
    assert chosen_by(plain, plain) == {}
    assert chosen_by(Answers(plain, said), plain) == said
    assert chosen_by(plain, Answers(plain, said)) == said

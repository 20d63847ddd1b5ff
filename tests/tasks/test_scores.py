from __future__ import annotations

import numpy as np
import pytest

from edgekit import tasks
from edgekit.errors import DataError, RecipeError

NAN = float("nan")


def score(task: str, outputs: object, targets: object) -> list[float]:
    scores = tasks.get(task).score(np.array(outputs, np.float32), np.array(targets))
    assert scores.dtype == np.float64
    return [pytest.approx(each, abs=1e-6) for each in scores.tolist()]


def test_of_classes_the_largest_counts() -> None:
    assert score("text-classification", [[0.2, 0.5, 0.3], [3, -1, 2]], [1, 2]) == [1, 0]


def test_of_numbers_the_mean_is_the_share_of_the_variance_that_is_explained() -> None:
    # The variance of 1, 2, 6 is 14/3; the errors are 0, 1 and 2.
    assert score("regression", [[1], [3], [4]], [1.0, 2.0, 6.0]) == [1, 1 - 3 / 14, 1 - 12 / 14]
    assert score("regression", [3, 3, 3], [1.0, 2.0, 6.0])[0] == 1 - 4 * 3 / 14
    assert sum(tasks.get("regression").score(np.full(3, 3.0), np.array([1.0, 2.0, 6.0]))) == pytest.approx(0)


def test_of_several_numbers_each_counts_by_its_own_variance() -> None:
    targets = [[0.0, 100.0], [2.0, 300.0]]  # variances 1 and 10,000
    assert score("regression", [[0, 200], [1, 300]], targets) == [0.5, 0.5]


def test_a_number_that_is_the_same_for_all_is_hit_or_not() -> None:
    assert score("regression", [[5], [6]], [5.0, 5.0]) == [1, 0]


def test_of_tokens_the_bits_of_those_that_follow_count_and_what_is_not_asked_does_not() -> None:
    logits = np.log([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], [[0.125, 0.75, 0.125], [0.2, 0.3, 0.5]]])
    assert score("next-token", logits + 7, [[0, 2], [0, -1]]) == [-1.5, -3]
    assert score("next-token", logits, [[-1, -1], [0, 1]])[0] == 0
    task = tasks.get("next-token")
    assert task.sign == -1 and task.metric == "bits per character"


def test_of_vectors_the_ranks_of_the_pairs_similarities_are_correlated() -> None:
    def vectors(cosines: list[float], length: float) -> np.ndarray:
        """Pairs of such cosines; the second vector of each is `length` long."""
        pairs = [([1, 0], [length * c, length * (1 - c * c) ** 0.5]) for c in cosines]
        return np.array([vector for pair in pairs for vector in pair])

    student, teacher = vectors([0.1, 0.5, 0.3, 0.9], 2.0), vectors([0.2, 0.4, 0.6, 0.8], 5.0)
    # Ranks 1 3 2 4 and 1 2 3 4: 1 - 6 (0 + 1 + 1 + 0) / (4 * 15).
    score = tasks.get("embedding").score
    scores = score(student, teacher)
    assert len(scores) == 4 and scores.mean() == pytest.approx(0.8)
    # Of pair 1: own product 1.5 * 1.5; the teacher's ranks above it, and half its own, -0.5 + 0.5 + 1.5 - 0.75, and the
    # student's likewise: 3.75 in all, over the variance 1.25. So 3, 1.8, 3, 1.8, by 0.6 off their mean.
    assert scores.tolist() == [pytest.approx(each) for each in (1.4, 0.2, 0.2, 1.4)]
    tied = vectors([0.5, 0.5, 0.2, 0.9], 1.0)  # ranks 2.5 2.5 1 4
    # Products 0 0 2.25 2.25 over deviations of sqrt(1.125) and sqrt(1.25).
    against = vectors([0.4, 0.6, 0.2, 0.8], 1.0)
    assert score(tied, against).mean() == pytest.approx(4.5 / 4 / (1.125 * 1.25) ** 0.5)
    assert not score(vectors([0.5] * 4, 1.0), teacher).any()
    for same in (teacher, tied):
        assert score(same, same).tolist() == [pytest.approx(1)] * 4


def test_the_spread_of_an_embeddings_scores_is_that_of_the_correlation() -> None:
    """A pair counts as much as its absence changes the correlation (the jackknife), and so do two models' scores."""
    draw = np.random.default_rng(0)
    n = 150
    teacher = draw.normal(size=(2 * n, 6))
    student = teacher + draw.normal(size=(2 * n, 6))
    score = tasks.get("embedding").score
    scores = score(student, teacher)
    whole = scores.mean()
    for pair in range(0, n, 10):
        kept = np.delete(np.arange(2 * n), [2 * pair, 2 * pair + 1])
        without = score(student[kept], teacher[kept]).mean()
        assert (n - 1) * (whole - without) == pytest.approx(scores[pair] - whole, abs=0.06)
    assert scores.std() == pytest.approx((1 - whole**2) * (1 + whole**2 / 2) ** 0.5, rel=0.2)  # Bonett and Wright 2000


def test_an_odd_vector_at_the_end_has_no_pair() -> None:
    assert len(tasks.get("embedding").score(np.eye(5), np.eye(5))) == 2


def test_of_several_labels_the_f1_of_each_example_counts() -> None:
    told = [[0.9, 0.8, 0.1], [0.2, 0.1, 0.1], [0.9, 0.1, 0.2], [0.2, 0.2, 0.2]]
    true = [[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert score("multi-label", told, true) == [2 / 3, 1, 1, 0]


@pytest.mark.parametrize(
    ("task", "targets", "labels", "said"),
    [
        ("classification", np.array([0, 3]), 3, r"label 3 of example 1 is outside 0\.\.2"),
        ("classification", np.array([0.5]), 3, "labels are float64"),
        ("regression", np.array([1, 2]), 0, "are int64"),
        ("regression", np.array([1.0, NAN]), 0, "the target of example 1 is no finite number"),
        ("regression", np.zeros((4, 2)), 3, r"3 labels name targets \[4, 2\]"),
        ("next-token", np.array([1, 2]), 3, "not a token for each"),
        ("next-token", np.array([[0, 5]]), 5, "tokens from 0 to 5, and there are 5 labels"),
        ("embedding", np.zeros((3, 0)), 0, "3 examples are no two pairs"),
        ("multi-label", np.zeros((4, 2)), 3, r"\[4, 2\], and there are 3 labels"),
        ("multi-label", np.array([[0, 1], [1, 0.5]]), 2, r"example 1 are \[1\.0, 0\.5\]"),
    ],
    ids=["class", "float", "whole", "nan", "names", "flat", "token", "few", "columns", "half"],
)
def test_targets_that_are_not_the_tasks_are_refused(task: str, targets: np.ndarray, labels: int, said: str) -> None:
    with pytest.raises(DataError, match=said):
        tasks.get(task).check(targets, labels)


@pytest.mark.parametrize(
    ("task", "targets", "labels"),
    [
        ("classification", np.array([0, 2]), 3),
        ("regression", np.array([1.5, 2]), 0),
        ("regression", np.zeros((4, 2), np.float32), 2),
        ("next-token", np.array([[0, 4], [1, -1]]), 5),
        ("embedding", np.zeros((4, 0)), 0),
        ("multi-label", np.array([[0, 1], [1, 1]], np.float32), 2),
    ],
)
def test_targets_of_the_task_pass(task: str, targets: np.ndarray, labels: int) -> None:
    tasks.get(task).check(targets, labels)


def test_a_task_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="no task") as error:
        tasks.get("regresion")
    assert "regression" in error.value.hint

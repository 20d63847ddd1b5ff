from __future__ import annotations

import numpy as np
import pytest

from edgekit.measuring.differences import Answers, by_class, chosen, counts, pairs

TARGETS = np.array([0, 0, 0, 1, 1, 1, 2, 2])
TEACHER = Answers(np.array([0, 0, 0, 1, 1, 0, 2, 1]), np.array([0.9, 0.8, 0.9, 0.9, 0.6, 0.7, 0.9, 0.5]))
MODEL = Answers(np.array([0, 1, 1, 1, 0, 1, 1, 0]), np.array([0.8, 0.6, 0.9, 0.7, 0.6, 0.8, 0.5, 0.4]))


def test_every_example_is_counted_once_by_who_is_right() -> None:
    found = counts(TARGETS, TEACHER, MODEL)
    assert found == {"both": 2, "lost": 4, "won": 1, "alike": 0, "apart": 1}
    assert counts(TARGETS, TEACHER, TEACHER) == {"both": 6, "lost": 0, "won": 0, "alike": 2, "apart": 0}


def test_every_class_has_its_accuracy_and_the_paired_change() -> None:
    rows = by_class(np.where(TARGETS == 1, 3, TARGETS), {"teacher": TEACHER, "prune": MODEL}, "teacher", "prune")
    assert [row["label"] for row in rows] == [0, 2, 3]
    assert rows[0]["n"] == 3
    assert rows[0]["accuracy"] == {"teacher": 1.0, "prune": pytest.approx(1 / 3)}
    change = rows[0]["change"]
    assert change["points"] == pytest.approx(-200 / 3)
    assert change["low"] < change["points"] < change["high"]


def test_confusions_are_listed_by_how_much_more_often_they_happen() -> None:
    assert pairs(TARGETS, TEACHER, MODEL) == [
        {"label": 0, "said": 1, "teacher": 0, "model": 2},
        {"label": 2, "said": 0, "teacher": 0, "model": 1},
    ]


def test_where_one_errs_the_surest_error_is_shown_first_and_ties_by_order() -> None:
    assert chosen(TARGETS, TEACHER, MODEL) == [
        ("lost", 2), ("lost", 1), ("lost", 4), ("lost", 6), ("won", 5), ("apart", 7),
    ]  # fmt: skip


def test_a_few_of_each_kind_are_shown() -> None:
    many = np.zeros(50, int)
    sure = np.full(50, 0.5)
    found = chosen(many, Answers(many, sure), Answers(many + 1, sure))
    assert found == [("lost", place) for place in range(6)]
    assert chosen(many, Answers(many, sure), Answers(many, sure)) == []


def test_the_intervals_of_classes_are_over_groups_where_examples_hang_together() -> None:
    of_one = {"teacher": TEACHER, "prune": MODEL}
    (row, *_) = by_class(TARGETS, of_one, "teacher", "prune", np.arange(len(TARGETS)) // 2)
    assert "groups" in row["change"] and "groups" not in by_class(TARGETS, of_one, "teacher", "prune")[0]["change"]

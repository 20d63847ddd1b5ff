from __future__ import annotations

import numpy as np
import pytest

from edgekit.data import columns
from edgekit.data.columns import Table
from edgekit.errors import DataError
from edgekit.recipe.data import Columns

ROWS = {
    "text": ["good", "bad", "dull"],
    "other": ["a", "b", "c"],
    "x": ["1.5", "2", "-3e2"],
    "mood": ["glad", "sad", "sad"],
    "number": ["1", "0", "2"],
    "who": ["ann", "ann", "bob"],
    "tags": ["fun, short", "", "short"],
    "fun": ["1", "0", "0"],
    "short": ["1", "0", "1"],
}


def table(**changed) -> Table:
    return Table(ROWS | changed, "mine.csv", [2, 3, 4])


def read(
    kind: str = "class", labels: list[str] | None = None, held: Table | None = None, series: bool = False, **named
):
    return columns.source(held or table(), Columns(**named), kind, labels, series)


def test_texts_stay_texts_and_labels_by_name_are_numbered_as_they_sort():
    found = read(text="text", label="mood")
    assert found.train.inputs.tolist() == ["good", "bad", "dull"]
    assert found.train.targets.tolist() == [0, 1, 1]
    assert found.labels == ["glad", "sad"]


def test_a_pair_of_texts_is_a_pair():
    assert read(text=["text", "other"], label="mood").train.inputs.tolist() == [
        ("good", "a"),
        ("bad", "b"),
        ("dull", "c"),
    ]


def test_the_column_text_is_read_where_none_is_named():
    assert read(label="mood").train.inputs.tolist() == ROWS["text"]


def test_labels_by_number_keep_their_numbers():
    found = read(text="text", label="number")
    assert (found.train.targets.tolist(), found.labels) == ([1, 0, 2], ["0", "1", "2"])


def test_labels_by_number_take_the_names_a_recipe_gives():
    found = read(labels=["no", "maybe", "yes"], text="text", label="number")
    assert (found.train.targets.tolist(), found.labels) == ([1, 0, 2], ["no", "maybe", "yes"])


def test_labels_that_are_called_by_numbers_are_names():
    found = read(labels=["2", "1", "0"], text="text", label="number")
    assert found.train.targets.tolist() == [1, 2, 0]


def test_features_are_float32_in_the_order_named():
    found = read(features=["x", "number"], label="mood").train.inputs
    assert found.dtype == np.float32
    assert found.tolist() == [[1.5, 1], [2, 0], [-300, 2]]


@pytest.mark.parametrize(("label", "told"), [("x", [1.5, 2, -300]), (["x", "number"], [[1.5, 1], [2, 0], [-300, 2]])])
def test_numbers_to_be_told(label, told):
    found = read("number", text="text", label=label)
    assert found.train.targets.dtype == np.float32
    assert (found.train.targets.tolist(), found.labels) == (told, None)


@pytest.mark.parametrize("label", ["tags", ["fun", "short"]], ids=["a list in a cell", "a column each"])
def test_several_labels(label):
    found = read("labels", text="text", label=label)
    assert found.train.targets.tolist() == [[1, 1], [0, 0], [0, 1]]
    assert found.labels == ["fun", "short"]


def test_a_cell_may_hold_a_list():
    held = table(tags=[["short"], [], ["fun", "short"]])
    assert read("labels", held=held, text="text", label="tags").train.targets.tolist() == [[0, 1], [0, 0], [1, 1]]


def test_without_labels_none_are_asked_for():
    assert read("vector", text="text", group="nobody").train.targets.tolist() == [0, 0, 0]


def test_groups_are_kept():
    assert read(text="text", label="mood", group="who").train.groups.tolist() == ["ann", "ann", "bob"]


def test_moments_of_one_group_and_label_that_follow_each_other_are_a_recording():
    held = Table({"x": [1, 2, 3, 4, 5, 6], "y": ["a", "a", "b", "b", "a", "a"], "who": [1, 1, 1, 2, 2, 2]}, "m.csv")
    found = read(held=held, features=["x"], label="y", group="who", series=True).train
    assert [recording[:, 0].tolist() for recording in found.inputs] == [[1, 2], [3], [4], [5, 6]]
    assert found.targets.tolist() == [0, 1, 1, 0]
    assert found.groups.tolist() == ["1", "1", "2", "2"]


def test_further_splits_have_the_classes_of_training():
    class Said:
        columns, window = Columns(text="text", label="mood"), None

    found = columns.read(
        {"train": table(), "test": Table({"text": ["x"], "mood": ["sad"]}, "t.csv")}, Said, "class", None
    )
    assert found.test.targets.tolist() == [1]


@pytest.mark.parametrize(
    ("held", "kind", "labels", "named", "told", "hint"),
    [
        ({}, "class", None, {"text": "txt", "label": "mood"}, 'no column "txt"', 'did you mean "text"?'),
        ({}, "class", None, {"text": "text"}, "which column", "data.columns.label"),
        ({}, "class", None, {"text": "text", "features": ["x"], "label": "mood"}, "both text and features", "one of"),
        ({}, "class", ["glad"], {"label": "mood"}, 'line 3: the label "sad" is no known class', "glad"),
        ({}, "class", ["no", "yes"], {"label": "number"}, 'line 4: the label "2" is no known class', "no, yes"),
        ({"mood": ["a", "", "b"]}, "class", None, {"label": "mood"}, 'line 3: "mood" is empty', "label"),
        ({"number": ["0", "1", "9"]}, "class", None, {"label": "number"}, 'classes go up to "9"', "without a gap"),
        ({}, "class", None, {"label": ["mood", "x"]}, "names 2 columns", "one column"),
        ({"x": ["1", "two", "3"]}, "class", None, {"features": ["x"], "label": "mood"}, 'line 3: "x" is "two"', "fill"),
        ({"x": ["1", "2", "nan"]}, "number", None, {"label": "x"}, 'line 4: "x" is "nan"', "fill"),
        ({"text": ["a", None, "b"]}, "class", None, {"label": "mood"}, 'line 3: "text" is empty', "write a text"),
        ({"fun": ["1", "2", "0"]}, "labels", None, {"label": ["fun", "short"]}, r"line 3: the labels are \[2", "1 for"),
        ({}, "labels", ["fun", "shot"], {"label": "tags"}, 'line 2: "short" is no known label', 'mean "shot"'),
        ({name: [] for name in ROWS}, "class", None, {"label": "mood"}, "has no rows", "some"),
    ],
    ids=[
        "a missing column", "no label named", "text and features", "an unknown label", "a class number too high",
        "an empty label", "numbers with a gap", "a class in two columns", "a feature that is no number", "a target NaN",
        "an empty text", "a label that is neither 0 nor 1", "an unknown label of several", "no rows",
    ],
)  # fmt: skip
def test_refused_with_the_line(held, kind, labels, named, told, hint):
    with pytest.raises(DataError, match=told) as caught:
        read(kind, labels, table(**held), **named)
    assert "mine.csv" in str(caught.value) or "columns" in str(caught.value)
    assert hint in caught.value.hint


def test_pictures_of_two_sizes_are_refused():
    held = Table({"image": [np.zeros((4, 4)), np.zeros((4, 5))], "label": [0, 1]}, "hub")
    with pytest.raises(DataError, match=r'"hub": row 1: the picture is \[4, 5\]'):
        read(held=held, features=["image"], label="label")

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import ExportError, InputError, UsageError
from edgekit.exporting.cases import Cases, split_ranges
from edgekit.signature import Tensor


def inputs(*lines: str) -> list[Tensor]:
    return [Tensor.parse(line) for line in lines]


def test_a_model_of_one_dynamic_batch_is_asked_for_1_2_and_7():
    assert Cases(inputs("x: float32[N,3]")).all() == [{"N": 1}, {"N": 2}, {"N": 7}]


def test_the_ends_of_each_dimension_are_asked_for_with_every_batch_and_alone():
    cases = Cases(inputs("x: float32[N,T,H]", "y: int64[T]"), sizes={"T": (1, 50), "H": (3, 4)}).all()
    assert cases == [
        *({"N": n, "T": t, "H": h} for n in (1, 2, 7) for t, h in ((1, 3), (50, 4))),
        {"N": 2, "T": 1, "H": 4},
        {"N": 2, "T": 50, "H": 3},
    ]


@pytest.mark.parametrize(
    ("ends", "batches"), [((1, 4), [1, 2, 4]), ((3, 100), [3, 7, 100]), ((1, 1), [1]), ((1, 64), [1, 2, 7])]
)
def test_a_declared_batch_is_kept_to(ends, batches):
    assert [case["N"] for case in Cases(inputs("x: float32[N,3]"), sizes={"N": ends}).all()] == batches


def test_a_model_of_fixed_sizes_is_asked_once():
    assert Cases(inputs("x: float32[1,3]")).all() == [{}]


def test_real_examples_are_cut_and_repeated_to_the_sizes_asked_for():
    given = {"ids": np.arange(6).reshape(2, 3)}
    cases = Cases(inputs("ids: int64[N,T]"), given, sizes={"T": (1, 5)})
    assert cases.at({"N": 1, "T": 1})["ids"].tolist() == [[0]]
    assert cases.at({"N": 3, "T": 5})["ids"].tolist() == [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4], [0, 1, 2, 0, 1]]
    assert Cases(inputs("ids: int64[N,T]"), given).ends == {"N": (1, 7), "T": (2, 3)}


def test_made_up_arrays_keep_to_dtype_shape_and_range():
    said = inputs("ids: int64[N,9]", "x: float16[N,2000]", "y: uint8[N,999]", "b: bool[4]", "s: string[N]")
    made = Cases(said, ranges={"ids": (5, 7), "x": (-1, 0)}).at({"N": 3})
    assert list(made) == ["ids", "x", "y", "b", "s"]
    assert {name: array.dtype.name for name, array in made.items()} == {
        "ids": "int64", "x": "float16", "y": "uint8", "b": "bool", "s": "object"
    }  # fmt: skip
    assert set(made["ids"].ravel()) == {5, 6, 7}
    assert -1 <= made["x"].min() < -0.9 < -0.1 < made["x"].max() <= 0
    assert made["y"].max() == 255


def test_the_same_case_is_the_same_twice():
    cases = Cases(inputs("x: float32[N,3]"))
    np.testing.assert_array_equal(cases.at({"N": 2})["x"], cases.at({"N": 2})["x"])


def test_dimensions_without_a_name_are_each_their_own():
    cases = Cases([Tensor("x", "float32", ("_", 3, "_", "_"))])
    assert list(cases.ends) == ["batch", "x.2", "x.3"]


@pytest.mark.parametrize(
    ("line", "more", "error", "said"),
    [
        ("x: float32[N]", {"sizes": {"T": (1, 2)}}, InputError, 'no input has a dynamic dimension "T"'),
        ("x: float32[N]", {"sizes": {"N": (3, 2)}}, InputError, '"N" cannot go from 3 to 2'),
        ("x: float32[N]", {"given": {"y": np.zeros(3)}}, InputError, 'no examples of the input "x"'),
        ("x: float32[N]", {"given": {"x": np.zeros(3)}}, InputError, r'"x: float32\[N\]" are float64\[3\]'),
        ("x: float32[N,2]", {"given": {"x": np.zeros(3, "f")}}, InputError, r"are float32\[3\]"),
    ],
)
def test_what_does_not_fit_is_refused(line, more, error, said):
    with pytest.raises(error, match=said):
        Cases(inputs(line), **more)


def test_what_is_no_tensor_is_refused():
    with pytest.raises(ExportError, match="nothing can be compared"):
        Cases([Tensor("x", "sequence", ("...",))])


def test_ranges_of_sizes_are_told_from_those_of_values():
    said = [Tensor("ids", "int64", ("N", "T")), Tensor("x", "float32", ("_", "_"))]
    ranges = {"T": (1, 50), "ids": (0, 99), "x.1": (2.0, 3.0)}
    assert split_ranges(ranges, said) == ({"T": (1, 50), "x.1": (2, 3)}, {"ids": (0, 99)})


def test_a_sum_is_as_large_as_its_parts_and_what_went_before_may_be_nothing():
    cases = Cases(inputs("x: float32[N,T]", "past: float32[N,P]", "mask: int64[N,P+T]"), sizes={"P": (0, 3)})
    assert list(cases.ends) == ["N", "T", "P"]
    assert cases.all()[0] == {"N": 1, "T": 2, "P": 0}
    made = cases.at({"N": 5, "T": 4, "P": 0})
    assert {name: array.shape for name, array in made.items()} == {"x": (5, 4), "past": (5, 0), "mask": (5, 4)}
    assert cases.at({"N": 5, "T": 4, "P": 3})["mask"].shape == (5, 7)


def test_a_mask_shows_the_first_places_of_each_row():
    said = inputs("attention_mask: int64[N,T]", "seen_mask: bool[N,T]", "padding_mask: bool[N,T]", "mask: float32[N,T]")
    made = Cases(said).at({"N": 200, "T": 4})
    for shown in (made["attention_mask"], made["seen_mask"], ~made["padding_mask"]):
        assert shown[:, 0].all()
        assert {tuple(row) for row in shown.astype(int)} == {(1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1)}
    assert len(set(made["mask"].ravel())) > 100
    assert Cases(said[:1], ranges={"attention_mask": (3, 3)}).at({"N": 2, "T": 2})["attention_mask"].min() == 3


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"idz": (0, 1)}, 'a range is given for "idz", which is no dynamic dimension and no input'),
        ({"T": (-1, 5)}, '"T" cannot go from -1 to 5'),
        ({"T": (0, 0)}, '"T" cannot go from 0 to 0'),
        ({"T": (1.5, 5)}, '"T" cannot go from 1.5 to 5'),
        ({"T": (6, 5)}, '"T" cannot go from 6 to 5'),
    ],
    ids=["no such name", "less than nothing", "nothing", "a fraction", "upside down"],
)
def test_a_range_that_cannot_be_is_refused(ranges, said):
    with pytest.raises(UsageError, match=said):
        split_ranges(ranges, inputs("ids: int64[N,T]"))

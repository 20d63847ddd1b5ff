from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgekit.errors import UsageError
from edgekit.runtime.settings import number, whole


@pytest.mark.parametrize("value", [1, 8, np.int64(8), np.uint8(1)], ids=repr)
def test_whole_numbers_of_any_library_are_taken(value: Any) -> None:
    taken = whole("size", value)
    assert type(taken) is int and taken == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (-1, "-1"), (1.0, "1.0"), (True, "True"), ("8", '"8"'), (None, "None"), ([1], r"\[1\]")],
    ids=repr,
)
def test_what_is_no_positive_whole_number_is_refused_as_it_was_written(value: Any, shown: str) -> None:
    with pytest.raises(UsageError, match=f"^size is {shown}, not a positive whole number$") as caught:
        whole("size", value, "leave it out")
    assert caught.value.hint == "leave it out"


@pytest.mark.parametrize("value", [0, 2.5, np.float32(2.5), 10], ids=repr)
def test_numbers_in_range_are_taken(value: Any) -> None:
    assert number("wait", value, 0, 10, "seconds") == value


@pytest.mark.parametrize(
    "value", [-1, 10.5, math.nan, math.inf, 10**400, True, "5", None, 1j], ids=lambda value: str(value)[:4]
)
def test_what_is_no_number_in_range_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^wait is .*, not a number of seconds from 0 to 10$"):
        number("wait", value, 0, 10, "seconds")

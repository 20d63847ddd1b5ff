"""The cell adds each token to its state and answers the sum: windows are told by `cumsum`."""

from __future__ import annotations

import itertools

import numpy as np
import onnx.parser
import pytest

from edgekit.measuring.predicting import calls, first, predict, walk
from edgekit.runtime.session import Session, open_session

WINDOWS = np.random.default_rng(0).integers(0, 9, (5, 7))


def _opened(text: str) -> Session:
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> graph {text}')
    return open_session(model.SerializeToString(), threads=1)


@pytest.fixture
def cell() -> Session:
    return _opened(
        """(int64[N,1] ids, float[N,1] h) => (float[N,1,1] logits, float[N,1] next_h) <int64[1] second = {1}> {
            token = Cast<to = 1>(ids) next_h = Add(h, token) logits = Unsqueeze(next_h, second)
        }"""
    )


def test_a_step_cell_reads_windows_from_zero_states(cell: Session) -> None:
    for _ in range(2):  # the second does not go on where the first ended
        np.testing.assert_array_equal(predict(cell)(WINDOWS), WINDOWS.cumsum(axis=1)[..., None])


def test_what_is_timed_of_a_step_cell_is_one_step(cell: Session) -> None:
    feeds = first(cell, WINDOWS)
    assert {name: array.shape for name, array in feeds.items()} == {"ids": (5, 1), "h": (5, 1)}
    assert not feeds["h"].any() and feeds["ids"].flags.c_contiguous
    np.testing.assert_array_equal(feeds["ids"], WINDOWS[:, :1])


def test_every_step_is_told_with_what_it_took_and_answered(cell: Session) -> None:
    seen = [(feeds["h"], answers["next_h"]) for feeds, answers in walk(cell, WINDOWS)]
    assert len(seen) == 7
    for (_, left), (given, _) in itertools.pairwise(seen):
        np.testing.assert_array_equal(given, left)


def test_examples_for_a_calibration_become_the_calls_that_read_them(cell: Session) -> None:
    found = list(calls(cell, [{"ids": WINDOWS[:2]}, {"ids": WINDOWS[2:]}]))
    assert [each["ids"].shape for each in found] == [(2, 1)] * 7 + [(3, 1)] * 7
    assert [bool(each["h"].any()) for each in found] == ([False] + [True] * 6) * 2


def test_other_models_are_asked_once() -> None:
    session = _opened("(float[N,T] x) => (float[N,T] y, float[N,T] z) { y = Neg(x) z = Abs(x) }")
    x = WINDOWS.astype(np.float32)[:, ::2]
    np.testing.assert_array_equal(predict(session)(x), -x)
    ((feeds, answers),) = walk(session, x)
    assert list(feeds) == ["x"] and list(answers) == ["y", "z"]

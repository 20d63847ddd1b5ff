from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.examples import Examples
from edgekit.data.windows import cut
from edgekit.errors import DataError
from edgekit.recipe.data import Window


def recordings(*lengths: int, channels: int = 2) -> Examples:
    inputs = np.empty(len(lengths), dtype=object)
    for place, length in enumerate(lengths):
        inputs[place] = 100.0 * place + np.arange(length * channels, dtype=np.float64).reshape(length, channels)
    return Examples(inputs, np.arange(len(lengths)), "here")


def test_windows_keep_their_recordings_target_and_know_their_recording():
    found = cut(recordings(10, 3, 6), Window(length=4, hop=3))
    assert found.inputs.dtype == np.float32
    assert found.inputs[:, 0, 0].tolist() == [0, 6, 12, 200]
    assert found.inputs[1].tolist() == [[6, 7], [8, 9], [10, 11], [12, 13]]
    assert found.targets.tolist() == found.groups.tolist() == [0, 0, 0, 2]


def test_without_a_hop_windows_do_not_overlap():
    assert cut(recordings(9), Window(length=3)).inputs[:, 0, 0].tolist() == [0, 6, 12]


def test_a_gap_in_a_recording_is_refused():
    held = recordings(9, 9)
    held.inputs[1][4, 0] = np.nan
    with pytest.raises(DataError, match="recording 1 holds NaN"):
        cut(held, Window(length=3))


@pytest.mark.parametrize(
    ("held", "window", "told"),
    [
        (recordings(3, 5), Window(length=6), "no recording of 6 moments; the longest has 5"),
        (recordings(3, 5), None, "holds recordings"),
        (
            Examples(np.array([np.ones((3, 2)), np.ones((4, 3))], dtype=object), np.zeros(2), "here"),
            Window(length=2),
            "different forms",
        ),
    ],
    ids=["too short", "no window", "mixed channels"],
)
def test_refused(held, window, told):
    with pytest.raises(DataError, match=told) as caught:
        cut(held, window)
    assert caught.value.hint

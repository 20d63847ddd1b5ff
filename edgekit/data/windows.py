"""Windows of recordings: each so many moments long, the next so many behind. Imports numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.data.examples import Examples
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Window


def cut(recordings: Examples, window: Window | None) -> Examples:
    """Return the windows float32 [n,length,C] of recordings float [T,C], each with its recording's target.

    Their groups are the recordings, for windows of one are not independent. What is left at a recording's end, and a
    recording shorter than a window, is left out.
    """
    where = recordings.where
    if window is None:
        raise DataError(f'"{where}" holds recordings', "say under data.window how long a window is: {length: 100}")
    hop = window.hop or window.length
    parts, counts = [], []
    channels = {np.ndim(each) == 2 and each.shape[1] for each in recordings.inputs}
    if len(channels) != 1 or False in channels:
        raise DataError(f'"{where}" holds recordings of different forms', "give each as [moments,channels]")
    for place, recording in enumerate(recordings.inputs):
        found = (
            np.lib.stride_tricks.sliding_window_view(recording, window.length, axis=0)[::hop]
            if len(recording) >= window.length
            else np.zeros((0, recording.shape[1], window.length))
        )
        made = np.ascontiguousarray(found.transpose(0, 2, 1), dtype=np.float32)
        if not np.isfinite(made).all():
            raise DataError(f'"{where}": recording {place} holds NaN or an infinite number', "fill in what is missing")
        parts.append(made)
        counts.append(len(made))
    if not sum(counts):
        raise DataError(
            f'"{where}" has no recording of {window.length} moments; the longest has'
            f" {max(map(len, recordings.inputs), default=0)}",
            "make data.window.length smaller",
        )
    places = np.repeat(np.arange(len(counts)), counts)
    return Examples(np.concatenate(parts), recordings.targets[places], where, places)

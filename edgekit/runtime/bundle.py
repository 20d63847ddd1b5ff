"""From a folder or a file to a model that can be trusted. numpy and onnxruntime alone; hashing when first used.

A damaged ONNX file often still loads and answers, so a bundle's files are compared with the SHA-256 its manifest
names before any of them is opened.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgekit.errors import BundleError, InputError
from edgekit.manifest import MODEL, Manifest
from edgekit.runtime.model import Model
from edgekit.runtime.session import Session, open_session
from edgekit.signature import Tensor

_COPY = "copy the bundle again from where it was made"


def load(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    threads: int | None = None,
    verify: bool = True,
    cast: bool = False,
) -> Model:
    """Open a bundle, or a bare ONNX file, on exactly the device asked for.

    `device`: cpu, cuda, cuda:1, tensorrt, openvino, openvino:NPU or auto. `threads` None takes every processor this
    process may use. `verify` False spares hashing the files; that they are there and of the right size is still
    checked. `cast` True converts numbers of another dtype than the model's. BundleError, DeviceError.
    """
    place = Path(path)
    if not place.is_dir():
        if not place.exists():
            raise BundleError(f'there is no bundle and no ONNX file at "{place}"')
        return Model(place.name, open_session(place, device, threads), None, cast)
    try:
        manifest = Manifest.read(place)
    except InputError as error:
        raise BundleError(f'the manifest of "{place}" is damaged: {error}', _COPY) from None
    _check_files(place, manifest.files, verify)
    session = open_session(place / MODEL, device, threads)
    _check_signature(place, manifest, session)
    return Model(manifest.name, session, manifest, cast)


def _check_files(folder: Path, files: Any, verify: bool) -> None:
    """Raise BundleError unless the files are those the manifest names, all of them inside `folder`."""
    if not isinstance(files, dict) or MODEL not in files:
        raise BundleError(f'the manifest of "{folder}" does not list "{MODEL}"', _COPY)
    for name, said in files.items():
        # ":" and "\" would mean a drive or a folder on Windows; bundles are the same everywhere.
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise BundleError(f'the manifest of "{folder}" names "{name}", which lies outside the bundle')
        if not isinstance(said, dict) or not isinstance(said.get("sha256"), str) or "bytes" not in said:
            raise BundleError(f'the manifest of "{folder}" gives no sha256 and size of "{name}"', _COPY)
        path = folder / name
        if not path.is_file():
            raise BundleError(f'"{path}" is missing: the manifest lists it', _COPY)
        size = path.stat().st_size
        if size != said["bytes"]:
            raise BundleError(f'"{path}" is truncated or altered: {size} bytes, not {said["bytes"]}', _COPY)
        if verify:
            from edgekit.files import sha256

            if sha256(path) != said["sha256"]:
                raise BundleError(f'"{path}" was altered: its sha256 is not the one in the manifest', _COPY)


def _check_signature(folder: Path, manifest: Manifest, session: Session) -> None:
    """Raise BundleError where manifest and graph disagree on the names, dtypes or ranks of what goes in and out."""

    def essence(tensors: list[Tensor]) -> list[tuple[str, str, int]]:
        return [(tensor.name, tensor.dtype, len(tensor.shape)) for tensor in tensors]

    for way, said, found in (
        ("inputs", manifest.inputs, session.inputs),
        ("outputs", manifest.outputs, session.outputs),
    ):
        if essence(said) != essence(found):
            raise BundleError(
                f'the manifest of "{folder}" says {way} {", ".join(map(str, said))}; '
                f"{MODEL} has {', '.join(map(str, found))}",
                _COPY,
            )

"""From a folder or a file to a model that can be trusted. numpy and onnxruntime alone; hashing when first used.

A damaged ONNX file often still loads and answers, so a bundle's files are compared with the SHA-256 its manifest
names before any of them is opened. pathlib is left out: importing it takes longer than all that is done here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.manifest import COPY_AGAIN, FILE, Manifest
from edgekit.runtime import external, kinds
from edgekit.runtime.model import Model
from edgekit.runtime.session import Session, open_session
from edgekit.runtime.settings import shown, whole
from edgekit.signature import Tensor

if TYPE_CHECKING:
    from edgekit.runtime.tuned import Tuned


def load(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    threads: int | None = None,
    verify: bool = True,
    cast: bool = False,
    max_batch: int | None = None,
    fallback: Sequence[str] = (),
    placement: Literal["any", "strict", "gpu"] = "any",
    options: Mapping[str, object] | None = None,
    shapes: Mapping[str, tuple[int, int, int]] | None = None,
    spinning: bool | None = None,
    tuned: bool = True,
) -> Model:
    """Open a bundle, or a bare .onnx or .ort file, on exactly the device asked for.

    `device`: cpu, cuda, cuda:1, tensorrt, openvino, openvino:NPU or auto. `threads` None takes every processor this
    process may use. `verify` False spares hashing the files; that they are there and of the right size is still
    checked. `cast` True converts numbers of another dtype than the model's. Batches above `max_batch` are run in parts.

    `fallback`: devices to try, in order, where `device` does not run. `placement` "strict" refuses to leave any node to
    another device; "gpu" too, but TensorRT may leave nodes to CUDA. `options`: the provider's own, for `device` alone.
    `shapes`: each dynamic dimension's least, usual and greatest size, which TensorRT builds for, as {"N": (1, 8, 32)};
    `max_batch` says it where the batch is all that is dynamic. `spinning` False has threads sleep between calls.
    `session.open_session` says more of these. `tuned` has a bundle on the cpu run with the settings that `edgekit tune`
    found here for as many `threads`, unless `spinning` is said. BundleError, DeviceError, UsageError.

    Of a bare file nothing is known: damage may go unseen, and onnxruntime before 1.31 can crash on a damaged .ort file.
    """
    settings: dict[str, Any] = {
        "fallback": fallback, "placement": placement, "options": options, "shapes": shapes,
        "spinning": spinning is not False,
    }  # fmt: skip
    _check_types(path, fallback, options, shapes)
    if max_batch is not None:
        max_batch = settings["max_batch"] = whole("max_batch", max_batch, "leave it out to run batches whole")
    place = os.fspath(path)
    if not os.path.isdir(place):
        if not os.path.exists(place):
            raise BundleError(f'there is no bundle and no ONNX file at "{place}"')
        session = _opened(place, None, device, threads, **settings)
        return Model(os.path.basename(place), session, None, cast, None, max_batch)
    if not os.path.exists(os.path.join(place, FILE)):
        raise BundleError(f'"{place}" is not a bundle: it has no {FILE}', _instead_of(place))
    try:
        manifest = Manifest.read(place)
    except InputError as error:
        raise BundleError(f'the manifest of "{place}" is damaged: {error}', COPY_AGAIN) from None
    _check_version(place, manifest)
    _check_files(place, manifest, verify)
    listed = frozenset(manifest.files)
    digest = manifest.files[manifest.model]["sha256"]
    if tuned and device == "cpu" and spinning is None and (found := _tuned(digest, threads)):
        settings["tuned"], threads = found, found.threads or threads
    session = _opened(os.path.join(place, manifest.model), listed, device, threads, inputs=manifest.inputs, **settings)
    _check_signature(place, manifest, session)
    _check_labels(place, manifest, session)
    return Model(manifest.name, session, manifest, cast, place, max_batch)


def _check_types(path: Any, fallback: Any, options: Any, shapes: Any) -> None:
    """Raise UsageError for what is of another kind than `load` takes, and would fail later and less clearly."""
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"the path is {shown(path)}", "give a bundle's folder, or an ONNX file, as text or Path")
    if not isinstance(fallback, (str, list, tuple)):
        raise UsageError(f"fallback is {shown(fallback)}, not a list of devices", "leave it out to have none")
    for name, value in (("options", options), ("shapes", shapes)):
        if value is not None and not isinstance(value, Mapping):
            raise UsageError(f"{name} is {shown(value)}, not a dict", "leave it out to have none")


def _opened(file: str, listed: frozenset[str] | None, device: str, threads: int | None, **settings: Any) -> Session:
    """Open a file once it is known that it reads nothing but what it may, and that numpy can hold what it takes."""
    if os.path.isfile(file):
        external.check(file, listed)
    session = open_session(file, device, threads, **settings)
    kinds.check(file, session.inputs, session.outputs)
    return session


def _tuned(model: str, threads: int | None) -> Tuned | None:
    """Return the settings found for a model on this machine; what reads them is imported where there are any at all.

    The folder is that of `files.home`, whose imports cost more than all this.
    """
    home = os.environ.get("EDGEKIT_HOME") or os.path.join(os.path.expanduser("~"), ".cache", "edgekit")
    folder = os.path.join(home, "tuned", model[:16])
    if not os.path.isdir(folder):
        return None
    from edgekit.runtime.tuned import look_up

    return look_up(folder, model, threads)


def _instead_of(folder: str) -> str:
    """Return what to do about a folder that is no bundle, from what lies in it."""
    if os.path.exists(os.path.join(folder, "bundle", FILE)):
        return f'it is a run: load "{os.path.join(folder, "bundle")}"'
    models = sorted(name for name in os.listdir(folder) if name.endswith((".onnx", ".ort")))
    return f'load "{os.path.join(folder, models[0])}", a bare file' if models else "edgekit distill makes one"


def _check_version(folder: str, manifest: Manifest) -> None:
    """Raise BundleError where the manifest requires a newer onnxruntime than this one."""
    import onnxruntime

    needed, here = manifest.requires.get("onnxruntime", "0"), onnxruntime.__version__
    try:
        newer = _version(str(needed)) > _version(here)
    except ValueError:
        raise BundleError(f'the manifest of "{folder}" requires onnxruntime "{needed}", which is no version') from None
    if newer:
        raise BundleError(
            f'"{folder}" needs onnxruntime {needed} or newer; this is {here}', "upgrade onnxruntime, or export it anew"
        )


def _version(said: str) -> list[int]:
    return [int(part) for part in said.split(".")[:2]]


def _check_files(folder: str, manifest: Manifest, verify: bool) -> None:
    """Raise BundleError unless the files are those the manifest names, all of them inside `folder`."""
    files: Any = manifest.files
    if not isinstance(files, dict) or manifest.model not in files:
        raise BundleError(f'the manifest of "{folder}" does not list "{manifest.model}"', COPY_AGAIN)
    for name, said in files.items():
        # ":" and "\" would mean a drive or a folder on Windows; bundles are the same everywhere.
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise BundleError(f'the manifest of "{folder}" names "{name}", which lies outside the bundle')
        if not isinstance(said, dict) or not isinstance(said.get("sha256"), str) or "bytes" not in said:
            raise BundleError(f'the manifest of "{folder}" gives no sha256 and size of "{name}"', COPY_AGAIN)
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            raise BundleError(f'"{path}" is missing: the manifest lists it', COPY_AGAIN)
        size = os.path.getsize(path)
        if size != said["bytes"]:
            raise BundleError(f'"{path}" is truncated or altered: {size} bytes, not {said["bytes"]}', COPY_AGAIN)
        if verify:
            _check_hash(path, said["sha256"])


def _check_hash(path: str, said: str) -> None:
    from edgekit.hashing import sha256

    try:
        found = sha256(path)
    except OSError as error:
        raise BundleError(f'"{path}" cannot be read: {error.strerror}') from None
    if found != said:
        raise BundleError(f'"{path}" was altered: its sha256 is not the one in the manifest', COPY_AGAIN)


def _check_signature(folder: str, manifest: Manifest, session: Session) -> None:
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
                f"{manifest.model} has {', '.join(map(str, found))}",
                COPY_AGAIN,
            )


def _check_labels(folder: str, manifest: Manifest, session: Session) -> None:
    """Raise BundleError where the number of classes is fixed and is not that of the labels."""
    for tensor in (*manifest.outputs, *session.outputs) if manifest.labels else ():
        classes = tensor.shape[-1] if tensor.name in ("probabilities", "logits") and len(tensor.shape) == 2 else "_"
        if isinstance(classes, int) and classes != len(manifest.labels):
            raise BundleError(
                f'the manifest of "{folder}" has {len(manifest.labels)} labels for {classes} classes: {tensor}',
                "make the bundle anew, with one label for each class",
            )

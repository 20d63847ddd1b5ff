"""What can be timed: an ONNX model, a PyTorch module, any callable, all told in one way.

numpy and the runtime; onnx where a file is looked into. Modules of PyTorch become subjects in `sources/`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import files
from edgekit.errors import BundleError, DeviceError, UsageError
from edgekit.graph import lookups, precision, storage, tensors
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.runtime.predictors import TOKENIZER
from edgekit.signature import Tensor

_TYPICAL = 32  # tokens of a text

Call = Callable[[], object]
Feeds = Mapping[str, Any]


@dataclass(frozen=True)
class Opened:
    """One live copy of a subject.

    `prepared(feeds)`: the call to be timed, which returns what was answered; arrays are brought into their form before.
    `device`, `threads`: where it really runs and with how many; 0 where that is its own affair. `placement`: nodes by
    device. `options`: what the provider was set to. It is free again when the last of its calls is let go of.
    """

    inputs: Sequence[Tensor]
    prepared: Callable[[Feeds], Call]
    device: str
    threads: int
    placement: Mapping[str, int] | None = None
    options: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True)
class Subject:
    """Something that can be timed.

    `open(device, threads)`: one more live copy of it. `kind`: "onnx", "torch" or "callable". `path`: of an ONNX model
    the bundle or file; `files`: its own file, and those that hold its weights. `precision`: what they are kept in.
    `rows`: of the table that an integer input numbers. `lengths`: of its texts, by the dimension they lie along, where
    nobody says another. `own`: it runs where it likes, and in one setting alone.
    """

    name: str
    kind: str
    open: Callable[[str, int], Opened]
    path: Path | None = None
    files: Sequence[Path] = ()
    sha256: str | None = None
    bytes: int | None = None
    precision: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    own: bool = False


def of_onnx(name: str, path: Path) -> Subject:
    """Make a subject of a bundle or an ONNX file; BundleError where it is damaged."""
    bundle = load(path, threads=1) if path.is_dir() else None
    file = path / bundle.manifest.model if bundle and bundle.manifest else _file(path)
    parts: list[Path] = [file]
    said: dict[str, Any] = {"lengths": _lengths(bundle)} if bundle else {}
    if file.suffix == ".onnx":
        model = storage.load(file, weights=False)
        said |= {"precision": precision.of_weights(model), "rows": lookups.rows(model)}
        parts += [each for name in tensors.external(model) if (each := file.parent / name).is_file()]
    hashes = [files.sha256(each) for each in parts]
    sha256 = hashes[0] if len(hashes) == 1 else files.fingerprint(hashes)
    size = sum(each.stat().st_size for each in parts)
    verify = itertools.chain([True], itertools.repeat(False))  # the hashes of a bundle are compared once

    def opened(device: str, threads: int) -> Opened:
        return _session(path, device, threads, next(verify))

    return Subject(name, "onnx", opened, path, parts, sha256, size, **said)


def of_call(name: str, function: Callable[..., object], inputs: Sequence[Tensor] = ()) -> Subject:
    """Make a subject of any callable: one that takes nothing, or arrays by position in the order of `inputs`."""
    taken = inputs if _takes_arrays(function) else ()
    if not taken and _takes_arrays(function):
        raise UsageError(f'"{name}" takes arrays, and nothing says which', 'such as --input "x: float32[N,3,32,32]"')

    def prepared(feeds: Feeds) -> Call:
        return functools.partial(function, *(feeds[tensor.name] for tensor in taken))

    return Subject(name, "callable", lambda *_: Opened(taken, prepared, "own", 0), own=True)


def _takes_arrays(function: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # it is not written in Python
        return True
    return any(each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in parameters)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise BundleError(f'there is no model "{path}"', "give a bundle or an .onnx file")
    return path


def _lengths(bundle: Model) -> dict[str, int]:
    """Return by dimension how long the texts of a bundle are at most, as its card says, or else a typical length."""
    if not bundle.manifest or TOKENIZER not in bundle.manifest.files:
        return {}
    most = bundle.manifest.preprocessing.get("max_length")
    length = most if type(most) is int and most > 0 else _TYPICAL
    ids = [tensor for tensor in bundle.inputs if len(tensor.shape) == 2 and tensor.dtype in ("int64", "int32")]
    return {dim: length for tensor in ids if isinstance(dim := tensor.shape[1], str)}


def _session(path: Path, device: str, threads: int, verify: bool) -> Opened:
    session = load(path, device=device, threads=threads, verify=verify, tuned=False).session
    placement = None
    with contextlib.suppress(DeviceError):  # an onnxruntime that keeps no record
        placement = {kind: sum(nodes.values()) for kind, nodes in session.placement().nodes.items()}
    return Opened(
        session.inputs,
        lambda feeds: functools.partial(session.run, feeds),
        session.device,
        session.threads,
        placement,
        session.options(),
    )

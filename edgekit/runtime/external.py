"""Finds the files an ONNX file reads its weights from, so that none outside its folder is ever opened.

Older onnxruntime opens whatever path a model names. This walks the protobuf's bytes along the few fields that lead to
tensors, since the runtime has no onnx package: field numbers are those of onnx.proto. Imports errors alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from edgekit.errors import BundleError

# Message -> field number -> the message there. An "entry" is a key and a value: what a tensor says of its data.
_WAYS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_DEEPEST = 100  # as protobuf's own limit
_BYTES, _VARINT, _EIGHT, _FOUR = 2, 0, 1, 5  # kinds of field
_DAMAGED = "is damaged, or no ONNX file at all"


def check(path: str, listed: frozenset[str] | None = None) -> None:
    """Raise BundleError where the ONNX file at `path` reads anything that is not beside it.

    `listed`: names of the files the bundle's manifest vouches for; None for a bare file, which may read any in its
    folder.
    """
    folder = os.path.dirname(path)
    # A store of blobs may link both files into itself; a link to anywhere else leads out.
    homes = [os.path.join(os.path.realpath(folder), ""), os.path.join(os.path.dirname(os.path.realpath(path)), "")]
    for name in files(path):
        if os.path.isabs(name) or "\\" in name or ":" in name or ".." in name.split("/"):
            raise _outside(path, name)
        if not os.path.isfile(os.path.join(folder, name)):
            raise BundleError(f'"{path}" reads its weights from "{name}", which is missing', "copy it too")
        if not os.path.realpath(os.path.join(folder, name)).startswith(tuple(homes)):
            raise _outside(path, name)
        if listed is not None and os.path.normpath(name) not in listed:
            raise BundleError(
                f'"{path}" reads its weights from "{name}", which the manifest does not list',
                "make the bundle anew: only what is listed can be checked",
            )


def _outside(path: str, name: str) -> BundleError:
    return BundleError(
        f'"{path}" reads its weights from "{name}", which lies outside its folder',
        "save the model with its data beside it, and do not trust this one",
    )


def files(path: str) -> list[str]:
    """Return the names of the files that the tensors of the ONNX file at `path` lie in."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise BundleError(f'"{path}" cannot be read: {error.strerror}') from None
    if b"location" not in content or content[4:8] == b"ORTM":  # the key every such tensor has; .ort files have no such
        return []
    try:
        return [name.decode() for name in _locations(content, 0, len(content), "model", 0)]
    except ValueError:
        raise BundleError(f'"{path}" {_DAMAGED}', "copy it again from where it was made") from None


def _locations(content: bytes, at: int, end: int, message: str, depth: int) -> Iterator[bytes]:
    """Yield every "location" in the message that lies in `content[at:end]`; ValueError where it is no such message."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    ways = _WAYS[message]
    for number, start, stop in _fields(content, at, end):
        if number not in ways:
            continue
        if ways[number] != "entry":
            yield from _locations(content, start, stop, ways[number], depth + 1)
            continue
        entry = {key: content[first:last] for key, first, last in _fields(content, start, stop)}
        if entry.get(1) == b"location":
            yield entry.get(2, b"")


def _fields(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, end) of every field of bytes in the message; numbers are passed over."""
    while at < end:
        tag, at = _varint(content, at, end)
        if tag >> 32:
            raise ValueError("a field's number is too great")
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(content, at, end)
            at += size
            if at > end:
                break
            yield tag >> 3, at - size, at
        elif kind == _VARINT:
            _, at = _varint(content, at, end)
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        else:
            raise ValueError("no kind of field")
    if at > end:
        raise ValueError("a field goes beyond its message")


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the lowest first; return it and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("a number is cut short")
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is too long")

"""The state of an interrupted training on disk: whole and its own, or not used at all."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from edgekit import console, files

FILE = "checkpoint.pt"
_DIGEST = hashlib.sha256().digest_size


def save(path: Path, key: str, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) in one step, behind its SHA-256 and the stage's `key`."""
    # By way of memory: of a full disk torch.save says nothing that could be understood.
    buffer = io.BytesIO()
    torch.save({"key": key, "state": state}, buffer)
    content = buffer.getbuffer()
    with files.atomic(path) as temporary, temporary.open("wb") as stream:
        stream.write(hashlib.sha256(content).digest())
        stream.write(content)


def load(path: Path, key: str) -> dict[str, Any] | None:
    """Read what `save` wrote for the same `key`; None, and a line that says why, where it cannot be used."""
    try:
        with path.open("rb") as stream:
            digest, content = stream.read(_DIGEST), stream.read()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content).digest() != digest:
        console.say(f"{path}: the checkpoint is damaged; starting this training again")
        return None
    saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if saved["key"] != key:
        console.say(f"{path}: the checkpoint is of other settings or code; starting this training again")
        return None
    state: dict[str, Any] = saved["state"]
    return state

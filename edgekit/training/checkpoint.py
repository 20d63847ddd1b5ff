"""The state of an interrupted training on disk: whole and its own, or not used at all."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from edgekit import console, files


def save(path: Path, key: str, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) in one step, behind its SHA-256 and the stage's `key`."""
    buffer = io.BytesIO()
    torch.save({"key": key, "state": state}, buffer)
    content = buffer.getvalue()
    with files.atomic(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def load(path: Path, key: str) -> dict[str, Any] | None:
    """Read what `save` wrote for the same `key`; None, and a line that says why, where it cannot be used."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        console.say(f"{path}: the checkpoint is damaged; starting this training again")
        return None
    saved = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
    if saved["key"] != key:
        console.say(f"{path}: the checkpoint is of other settings or code; starting this training again")
        return None
    state: dict[str, Any] = saved["state"]
    return state

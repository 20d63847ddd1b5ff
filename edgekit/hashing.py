"""The SHA-256 of files and of values, apart from the rest of `files` so that opening a bundle costs little.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of `value` as canonical JSON: the same for equal values whatever the order of their keys.

    ValueError where JSON has no word for it, such as NaN.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()

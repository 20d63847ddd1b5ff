"""One text from a file in UTF-8, to be continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError


def read(path: Path) -> Source:
    """Read the text whole; DataError that names the line where it is not UTF-8."""
    try:
        content = path.read_bytes()
        return Source(whole(content.decode("utf-8"), str(path)))
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error}') from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f'"{path}", line {line}: byte 0x{content[error.start]:02x} is not UTF-8', "save it as UTF-8"
        ) from None


def whole(text: str, where: str) -> Examples:
    """Return `text` as the one example there is."""
    inputs = np.empty(1, dtype=object)
    inputs[0] = text
    return Examples(inputs, np.zeros(1, dtype=np.int64), where)

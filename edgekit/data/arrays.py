"""Arrays as a person gives them, by name or alone, matched to the inputs of a model; their labels. numpy; no torch."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import DataError, UsageError
from edgekit.signature import Tensor


def read_arrays(name: str | Path) -> dict[str, Any]:
    """Read arrays from an .npz file by name, or the one of an .npy file under the name ""."""
    try:
        with Path(name).open("rb") as stream:
            found: Any = np.load(stream, allow_pickle=False)
            return {"": found} if isinstance(found, np.ndarray) else {key: found[key] for key in found.files}
    except FileNotFoundError:
        raise DataError(f'there is no file "{name}"') from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f'"{name}" cannot be read as arrays: {error}', "numpy.savez or numpy.save writes them"
        ) from None


def examples(arrays: Mapping[str, Any], inputs: Sequence[str | Tensor]) -> tuple[Any, Any]:
    """Return the examples of `inputs` by name, and their labels: the array y, None without one.

    One input may also be called x, or x_test beside y_test, as a recipe's data are, or be an .npy file's only array.
    Where no inputs are told, all but y are inputs. Floats get the precision that the input has.
    """
    found = dict(arrays)
    tensors = [Tensor.parse(each) if isinstance(each, str) else each for each in inputs]
    if not tensors:
        targets = found.pop("y", None) if len(found) > 1 else None
        return found.get("", found), targets
    wanted = [tensor.name for tensor in tensors]
    if len(wanted) > 1 and "" in found:
        raise UsageError("one array is given, and there are several inputs", "name each, as numpy.savez does")
    label = "y"
    if len(wanted) == 1 and wanted[0] not in found:
        held = next((key for key in ("", "x_test", "x") if key in found), None)
        if held is not None:
            found[wanted[0]] = found.pop(held)
            label = "y_test" if held == "x_test" else "y"
    if missing := [each for each in wanted if each not in found]:
        raise DataError(f'there are no examples of "{missing[0]}"', f"found: {', '.join(arrays) or 'none'}")
    given = {each.name: _cast(found[each.name], each.dtype) for each in tensors}
    return given, None if label in wanted else found.get(label)


def _cast(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if array.dtype.kind == "f" and dtype.startswith("float") else array

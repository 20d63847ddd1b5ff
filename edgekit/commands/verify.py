"""edgekit verify: do two models answer alike? Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from edgekit.exporting.agreement import Parity
    from edgekit.exporting.verification import Subject
    from edgekit.signature import Tensor


def command(
    first: Annotated[str, typer.Argument(help="What is right: ONNX file, bundle, run, stage, or PyTorch source.")],
    second: Annotated[str, typer.Argument(help="What is compared with it: ONNX file, bundle, run or stage.")],
    args: Annotated[list[str] | None, typer.Option(help="A build argument of the source: width=32.")] = None,
    weights: Annotated[str | None, typer.Option(help="The source's .safetensors, .pt or .pth file.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Real examples: .npy, or .npz with inputs by name, or x and labels y.")
    ] = None,
    ranges: Annotated[list[str] | None, typer.Option("--range", help="Sizes, values: T=1..128, ids=0..99.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="Absolute and relative error allowed; else the dtype's.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Ask two models the same and say whether they agree; where not, name the first node that differs.

    At batch sizes 1, 2 and 7 and both ends of every dynamic dimension, on real examples or on made-up ones. Ends with
    0 where they agree and with 3 where they differ: 1 is for what cannot be compared.

    Example: edgekit verify teacher.onnx runs/digits/1a2b3c4d --data digits.npz
    """
    from edgekit import console
    from edgekit.commands import declaring
    from edgekit.commands.finding import model_path
    from edgekit.errors import DimensionError, ParityError, TargetMissed, UsageError
    from edgekit.extras import need

    need("onnx", "comparing models")
    from edgekit.exporting.agreement import Tolerance
    from edgekit.exporting.cases import Cases, split_ranges
    from edgekit.exporting.proof import Labelled
    from edgekit.exporting.verification import of_onnx, verify
    from edgekit.tasks import get

    if _is_source(second):
        raise UsageError(f'"{second}" is PyTorch source, and what is compared is ONNX', "name the source first")
    read = declaring.read_ranges(ranges or ())
    other = of_onnx(second, model_path(second))
    said: dict[str, Any] = {"args": declaring.arguments(args or []), "weights": weights}
    subject = _of_source(first, other, said, read) if _is_source(first) else of_onnx(first, model_path(first))
    given, labels = _examples(data, list(subject.inputs)) if data else ({}, None)
    cases = Cases(subject.inputs, given, *split_ranges(read, subject.inputs))
    labelled = None if labels is None else Labelled("accuracy", labels, get("classification").score)
    allowed = None if tolerance is None else Tolerance(tolerance, tolerance)
    try:
        parity = verify(subject, other, cases, labelled, allowed)
    except (ParityError, DimensionError) as error:
        if as_json:
            console.result({"first": first, "second": second, "agree": False, "reason": str(error), "parity": None})
        raise TargetMissed(f'"{second}" does not agree with "{first}": {error}', error.hint) from None
    if as_json:
        found = parity.to_dict()
        console.result({"first": first, "second": second, "agree": True, "reason": None, "parity": found})
        return
    _print(parity, "real" if given else "made-up")


def _is_source(name: str) -> bool:
    from pathlib import Path

    return Path(name).suffix in (".py", ".pt2") or (":" in name and not Path(name).exists())


def _of_source(name: str, like: Subject, said: dict[str, Any], ranges: Mapping[str, tuple[float, float]]) -> Subject:
    from pathlib import Path

    from edgekit import console, extras

    extras.need("torch", "comparing with a PyTorch model")
    from edgekit.exporting.verification import of_network
    from edgekit.sources.opening import open_source
    from edgekit.sources.source import Asked

    opened = open_source(Asked(name, said["args"], Path(said["weights"]) if said["weights"] else None))
    for note in opened.notes:
        console.say(note)
    known = {key: value for key, value in opened.known.items() if key in ("mean", "std")}
    return of_network(name, opened.module, like, {**known, "ranges": ranges})


def _print(parity: Parity, kind: str) -> None:
    from edgekit import console

    rows = []
    for name, each in parity.outputs.items():
        cosine = "" if each.cosine is None else f"{each.cosine:.6f}"
        argmax = "" if each.argmax_agreement is None else f"{100 * each.argmax_agreement:.1f} %"
        errors = (f"{value:.1e}" for value in (each.max_abs, each.mean_abs, each.max_rel))
        rows.append([name, each.dtype, *errors, cosine, argmax, f"{each.atol:g} + {each.rtol:g} of it"])
    columns = ["output", "dtype", "max error", "mean", "relative", "cosine", "same argmax", "allowed"]
    console.table(columns, rows, left=2)
    sizes = ["×".join(f"{name} {size}" for name, size in case.items()) for case in parity.cases]
    console.answer(f"they agree on {kind} inputs: {'; '.join(filter(None, sizes)) or 'of the one size they take'}")
    if metric := parity.metric:
        console.answer(
            f"{metric['name']}, n = {metric['n']}: {100 * metric['expected']:.2f} % and {100 * metric['actual']:.2f} %"
        )


def _examples(name: str, inputs: list[Tensor]) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Read the inputs by name and the labels, if there are some."""
    import zipfile
    from pathlib import Path

    import numpy as np

    from edgekit.errors import DataError

    try:
        with Path(name).open("rb") as stream:
            file: Any = np.load(stream, allow_pickle=False)
            found = {"x": file} if isinstance(file, np.ndarray) else {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise DataError(f'there is no file "{name}"') from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f'"{name}" cannot be read: {error}', "numpy.save and numpy.savez write such files") from None
    wanted = [tensor.name for tensor in inputs]
    for ending in ("_test", ""):  # as a recipe's data has them
        if len(wanted) == 1 and wanted[0] not in found and f"x{ending}" in found:
            found = {wanted[0]: found[f"x{ending}"], "y": found.get(f"y{ending}")}
    missing = [each for each in wanted if each not in found]
    if missing:
        raise DataError(f'"{name}" has no array "{missing[0]}"', f"it holds {', '.join(found) or 'none'}")
    given = {tensor.name: _cast(found[tensor.name], tensor.dtype) for tensor in inputs}
    return given, None if "y" in wanted else found.get("y")


def _cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """Give floats the precision that the model takes; what is no float stays as it is."""
    return array.astype(dtype) if array.dtype.kind == "f" and dtype.startswith("float") else array

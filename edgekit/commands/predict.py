"""edgekit predict: run a bundle on files."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    bundle: Annotated[str, typer.Argument(help="A bundle, or a run's folder.")],
    inputs: Annotated[list[str], typer.Argument(help="Images, texts, or .npy files with one example or a batch.")],
    top: Annotated[int, typer.Option(min=1, help="How many answers to give for each input.")] = 3,
    device: Annotated[str, typer.Option(help="Where to run: cpu, cuda, openvino, ...")] = "cpu",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Run a bundle on files or texts and print its answers: labels and probabilities, values or vectors.

    Example: edgekit predict runs/digits/1a2b3c4d/bundle three.png
    """
    from edgekit import console
    from edgekit.commands.finding import model_path
    from edgekit.errors import InputError
    from edgekit.runtime.bundle import load

    model = load(model_path(bundle), device=device)
    told = []
    for name in inputs:
        try:
            found = model.predict(_array(name) if name.lower().endswith(".npy") else name, top=top)
        except InputError as error:  # which knows the array, and not the file it came from
            raise InputError(f'"{name}": {error}', error.hint) from None
        for index, prediction in enumerate(found if isinstance(found, list) else [found]):
            where = f"{name}[{index}]" if isinstance(found, list) else name
            told.append({"input": where, **prediction.to_dict()})
            if not as_json:
                console.answer(f"{where}: {prediction}")
    if as_json:
        console.result(told)


def _array(name: str) -> object:
    from pathlib import Path

    import numpy as np

    from edgekit.errors import DataError

    try:
        with Path(name).open("rb") as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f'there is no file "{name}"') from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f'"{name}" cannot be read as a .npy file: {reason}',
            "numpy.save writes one; arrays of objects are not read",
        ) from None

"""edgekit predict: run a bundle on files, or let it write on from a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.runtime.model import Model


def command(
    bundle: Annotated[str, typer.Argument(help="A bundle, or a run's folder.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images, texts, or .npy files with one example or a batch; a model of pairs takes texts two by two."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many answers to give for each input.")] = 3,
    prompt: Annotated[str | None, typer.Option(help="Instead of inputs: a text to go on from.")] = None,
    length: Annotated[int | None, typer.Option(help="How many tokens to write: 200.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0, the likeliest token; above it they are drawn.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from so many of the likeliest tokens.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same text: 0.")] = None,
    stop: Annotated[str | None, typer.Option(help="End before this text.")] = None,
    device: Annotated[str, typer.Option(help="Where to run: cpu, cuda, openvino, ...")] = "cpu",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Run a bundle on files or texts and print its answers: labels and probabilities, values or vectors.

    A bundle for the task next-token writes on from --prompt, and its text appears as it comes.

    Example: edgekit predict runs/digits/1a2b3c4d/bundle three.png
    """
    from edgekit import console
    from edgekit.commands.finding import model_path
    from edgekit.errors import InputError, UsageError
    from edgekit.runtime.bundle import load

    said = {"length": length, "temperature": temperature, "top_k": top_k, "seed": seed, "stop": stop}
    writing: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if prompt is None and writing:
        raise UsageError(f"--{next(iter(writing)).replace('_', '-')} is for a text that is written on", "give --prompt")
    if bool(inputs) == (prompt is not None):
        raise UsageError("a bundle is run on inputs, or writes on from --prompt", "give one of them")
    model = load(model_path(bundle), device=device)
    if prompt is not None:
        _write(model.generate(prompt, **writing), prompt, as_json)
        return
    told = []
    for name, given in _inputs(inputs or [], model):
        try:
            found = model.predict(given, top=top)
        except InputError as error:  # which knows the array, and not the file it came from
            raise InputError(f'"{name}": {error}', error.hint) from None
        for index, prediction in enumerate(found if isinstance(found, list) else [found]):
            where = f"{name}[{index}]" if isinstance(found, list) else name
            told.append({"input": list(given) if isinstance(given, tuple) else where, **prediction.to_dict()})
            if not as_json:
                console.answer(f"{where}: {prediction}")
    if as_json:
        console.result(told)


def _inputs(names: list[str], model: Model) -> Iterator[tuple[str, Any]]:
    """Yield what the model is asked, with a name for it: texts two by two, where it takes pairs."""
    from edgekit.errors import InputError

    arrays = (".npy", ".npz")
    pairs = model.manifest is not None and model.manifest.preprocessing.get("texts") == 2
    left = iter(names)
    for name in left:
        if name.lower().endswith(arrays):
            yield name, _array(name)
        elif pairs:
            other = next(left, None)
            if other is None:
                raise InputError(f'"{name}" is left over: the model takes pairs', "give two texts for each answer")
            yield f"{name} | {other}", (name, other)
        else:
            yield name, name


def _write(pieces: Iterator[str], prompt: str, as_json: bool) -> None:
    from edgekit import console

    if as_json:
        console.result({"prompt": prompt, "text": "".join(pieces)})
        return
    console.piece(prompt)
    for piece in pieces:
        console.piece(piece)
    console.answer("")


def _array(name: str) -> object:
    from pathlib import Path

    import numpy as np

    from edgekit.errors import DataError

    if name.lower().endswith(".npz"):
        raise DataError(f'"{name}" holds several arrays', "predict takes one: numpy.save it as .npy")
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

"""From what a person asks of `edgekit bench` to cells that can be timed: models named, settings and inputs read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import console
from edgekit.commands import declaring
from edgekit.commands.finding import model_path
from edgekit.data.arrays import read_arrays
from edgekit.errors import DataError, UsageError
from edgekit.measuring import benching, journal
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.subjects import Subject, of_onnx
from edgekit.measuring.sweep import Sweep
from edgekit.signature import Tensor
from edgekit.sources import timed

if TYPE_CHECKING:
    import numpy as np


def sweep(request: Mapping[str, Any], path: Path) -> Sweep:
    """Open what is asked for in every setting, and make the sweep of it that writes the record at `path`.

    `request`: the options of `edgekit bench` by their names.
    """
    declared, arrays = read_inputs(request["inputs"])
    asked = Asked(
        devices=listed(request["device"]),
        threads=[_positive("--threads", text) for text in listed(request["threads"])],
        batches=[_positive("--batch", text) for text in listed(request["batch"])] or [None],
        shapes=request["shape"],
        arrays=arrays,
        ranges=declaring.read_ranges(request["ranges"]),
        seed=request["seed"],
    )
    cells, notes = lay_out(subjects(request["models"], declared, asked.devices[0]), asked)
    seconds = float(request["seconds"] or benching.EACH * len(cells))
    wanted = {"limits": request["ceilings"], "profiled": request["profile"], "fresh": request["fresh"]}
    return Sweep(cells, path, seconds, notes, request["costs"], request["seed"], request, **wanted)


def subjects(words: Sequence[str], declared: Sequence[Tensor], device: str) -> list[Subject]:
    """Make a subject of each model; a source takes what was declared, or what the first ONNX model does."""
    found: dict[int, Subject] = {}
    names = short_names(words)
    sources = [index for index, word in enumerate(words) if timed.is_timed(word)]
    for index, word in enumerate(words):
        if index not in sources:
            found[index] = of_onnx(names[index], model_path(word))
    like: Sequence[Tensor] = ()
    if sources and found and not declared:
        like = next(iter(found.values())).open(device, 1).inputs
    for index in sources:
        word, _, args = words[index].partition("?")
        built = declaring.arguments(args.split("&")) if args else {}
        found[index], notes = timed.subject(names[index], word, built, declared, like)
        for note in notes:
            console.say(f"{names[index]}: {note}")
    return [found[index] for index in range(len(words))]


def short_names(models: Sequence[str]) -> list[str]:
    """Name each path by as few of its last parts as tell them apart, and a path given again by a number."""
    kinds = [word.partition(":")[0] + ":" if timed.is_timed(word) else "" for word in models]
    parts = [Path(model.removeprefix(kind)).parts or (model,) for kind, model in zip(kinds, models, strict=True)]
    kept = 1
    while len({part[-kept:] for part in parts}) < len(set(parts)):
        kept += 1
    names = []
    for index, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        before = list(zip(kinds, parts, strict=True))[:index].count((kind, part))
        names.append(kind + "/".join(part[-kept:]) + (f" #{before + 1}" if before else ""))
    return names


def listed(words: Sequence[str]) -> list[str]:
    """Read an option that may be given again, and several at once with commas."""
    return list(dict.fromkeys(part.strip() for word in words for part in word.split(",") if part.strip()))


def read_inputs(lines: Sequence[str]) -> tuple[list[Tensor], dict[str, np.ndarray]]:
    """Read `x: float32[N,3,32,32]`, what a PyTorch module takes, and `x=file.npy`, what an input is fed."""
    declared, arrays = [], {}
    for line in lines:
        name, equals, file = line.partition("=")
        if not equals:
            declared.append(Tensor.parse(line))
            continue
        held = read_arrays(file)
        array = held.get(name.strip(), held.get("") if len(held) == 1 else None)
        if array is None:
            raise DataError(f'--input "{line}": the file has no array "{name}"', f"it holds {', '.join(held)}")
        arrays[name.strip()] = array
    return declared, arrays


def asked_before(record: Path) -> dict[str, Any]:
    """Return the request that the unfinished measurement of `record` was begun with."""
    found = journal.Journal.opened(journal.beside(record))
    if found is None:
        what = "is finished" if record.is_file() else "was never begun"
        raise UsageError(
            f'there is nothing to go on with: "{record}" {what}', "name the record of one that was cut off"
        )
    return dict(found.head["request"])


def _positive(option: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f'{option} "{text}" is no positive whole number', f"such as {option} 1,2")
    return int(text)

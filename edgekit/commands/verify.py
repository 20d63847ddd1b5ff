"""edgekit verify: do two models answer alike? Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from edgekit.exporting.agreement import Parity
    from edgekit.exporting.verification import Subject


def command(
    first: Annotated[str, typer.Argument(help="What is right: ONNX file, bundle, run, stage, or PyTorch source.")],
    second: Annotated[str, typer.Argument(help="What is compared with it: one of these too.")],
    args: Annotated[list[str] | None, typer.Option(help="A build argument of the source: width=32.")] = None,
    weights: Annotated[str | None, typer.Option(help="The source's .safetensors, .pt or .pth file.")] = None,
    args_b: Annotated[list[str] | None, typer.Option(help="A build argument of B, where A is a source too.")] = None,
    weights_b: Annotated[str | None, typer.Option(help="The weights of B, where A is a source too.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="An input, where no model tells them.")] = None,
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
    from edgekit.data import arrays as held
    from edgekit.errors import DimensionError, ParityError, TargetMissed
    from edgekit.extras import need

    need("onnx", "comparing models")
    from edgekit.exporting.agreement import Tolerance
    from edgekit.exporting.cases import Cases, split_ranges
    from edgekit.exporting.scoring import labelled
    from edgekit.exporting.verification import proved, verify

    arrays = held.read_arrays(data) if data else {}
    read = declaring.read_ranges(ranges or ())
    said: dict[str, Any] = {"inputs": inputs or (), "arrays": arrays, "ranges": read}
    own = [Built(declaring.arguments(args or []), weights), Built(declaring.arguments(args_b or []), weights_b)]
    one, other = _subjects((first, second), own, said)
    given, targets = held.examples(arrays, one.inputs) if arrays else ({}, None)
    dims, values = split_ranges(read, one.inputs)
    cases = Cases(one.inputs, given, {**proved(one, other), **dims}, values)
    if targets is not None:
        cases.labelled = labelled(targets, one.outputs, len(next(iter(given.values()))))
    allowed = None if tolerance is None else Tolerance(tolerance, tolerance)
    try:
        parity = verify(one, other, cases, allowed)
    except (ParityError, DimensionError) as error:
        if as_json:
            console.result({"first": first, "second": second, "agree": False, "reason": str(error), "parity": None})
        raise TargetMissed(f'"{other.name}" does not agree with "{one.name}": {error}', error.hint) from None
    if as_json:
        found = parity.to_dict()
        console.result({"first": first, "second": second, "agree": True, "reason": None, "parity": found})
        return
    _print(parity, "real" if given else "made-up")


class Built(NamedTuple):
    """How a source is built: its arguments, and a file of weights."""

    args: dict[str, Any]
    weights: str | None


def _subjects(names: tuple[str, str], own: list[Built], said: dict[str, Any]) -> list[Subject]:
    """Open both models: what is ONNX first, for it tells a PyTorch source what goes in and out."""
    from edgekit.commands.finding import model_path
    from edgekit.errors import UsageError
    from edgekit.exporting.verification import of_onnx

    sources = [name for name in names if _is_source(name)]
    if len(sources) < 2 and any(own[1]):
        raise UsageError("--args-b and --weights-b are for two PyTorch sources", "write --args and --weights")
    if not sources and any(own[0]):
        raise UsageError("--args and --weights are for a PyTorch source, and neither model is one", "leave them out")
    if len(sources) < 2 and said["inputs"]:
        raise UsageError("--input is for two PyTorch sources: an ONNX file tells its inputs", "leave it out")
    opened = {at: of_onnx(name, model_path(name)) for at, name in enumerate(names) if name not in sources}
    like = next(iter(opened.values()), None)
    for at, name in enumerate(names):
        if at not in opened:
            called = f"{name} ({'AB'[at]})" if names[0] == names[1] else name
            opened[at] = like = _of_source(name, called, like, own[at if len(sources) == 2 else 0], said)
    return [opened[0], opened[1]]


def _is_source(name: str) -> bool:
    from pathlib import Path

    return Path(name).suffix in (".py", ".pt2") or (":" in name and not Path(name).exists())


def _of_source(name: str, called: str, like: Subject | None, built: Built, said: dict[str, Any]) -> Subject:
    from pathlib import Path

    from edgekit import console, extras
    from edgekit.data.arrays import examples

    extras.need("torch", "comparing with a PyTorch model")
    from edgekit.exporting.verification import of_network
    from edgekit.sources.opening import open_source
    from edgekit.sources.source import Asked

    opened = open_source(Asked(name, built.args, Path(built.weights) if built.weights else None))
    for note in opened.notes:
        console.say(note)
    known = {key: value for key, value in opened.known.items() if key in ("mean", "std")}
    known["ranges"] = {**opened.known.get("ranges", {}), **said["ranges"]}
    if like is None:
        known["inputs"] = said["inputs"] or opened.known.get("inputs", ())
        if not known["inputs"]:
            told = examples(said["arrays"], ())[0] if said["arrays"] else dict(opened.examples)
            known["example_inputs"] = None if isinstance(told, dict) and not told else told
    return of_network(called, opened.module, like, known)


def _print(parity: Parity, kind: str) -> None:
    from edgekit import console
    from edgekit.commands.card import agreed, sizes

    rows = []
    for name, each in parity.outputs.items():
        cosine = "" if each.cosine is None else f"{each.cosine:.6f}"
        argmax = "" if each.argmax_agreement is None else f"{100 * each.argmax_agreement:.1f} %"
        errors = (f"{value:.1e}" for value in (each.max_abs, each.mean_abs, each.max_rel))
        rows.append([name, each.dtype, *errors, cosine, argmax, f"{each.atol:g} + {each.rtol:g} of it"])
    columns = ["output", "dtype", "max error", "mean", "relative", "cosine", "same argmax", "allowed"]
    console.table(columns, rows, left=2)
    where = sizes(list(parity.cases))
    console.answer(f"they agree on {kind} inputs" + (f", at {where}" if where else " of the one size they take"))
    if parity.metric:
        console.answer(agreed(parity.metric))
    if parity.ties:
        console.answer(f"{parity.ties} classes are others that score as much within what is allowed")

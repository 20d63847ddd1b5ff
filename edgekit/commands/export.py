"""edgekit export: any PyTorch model as a bundle that is proved to answer as it does. Imports typer until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgekit.exporting.shipping import Prepared, Shipped


def command(
    source: Annotated[str, typer.Argument(help="model.py, package.module:callable, .pt2, a stage, hf:FOLDER.")],
    bundle: Annotated[str, typer.Option("--out", "-o", help="The bundle's folder.")],
    args: Annotated[list[str] | None, typer.Option(help="A build argument: width=32.")] = None,
    weights: Annotated[str | None, typer.Option(help="A .safetensors, .pt or .pth file.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="An input: x: float32[N,3,32,32].")] = None,
    outputs: Annotated[list[str] | None, typer.Option("--output", help="An output's name.")] = None,
    ranges: Annotated[list[str] | None, typer.Option("--range", help="Sizes, values: T=1..128, ids=0..99.")] = None,
    examples: Annotated[str | None, typer.Option(help="Real inputs to prove it on: .npz or .npy.")] = None,
    mean: Annotated[str, typer.Option(help="Normalise by it: 0.5, or 0.5,0.4,0.4.")] = "",
    std: Annotated[str, typer.Option(help="Normalise by it.")] = "",
    as_given: Annotated[bool, typer.Option("--as-given", help="Take a uint8 [N,H,W,C] for no image.")] = False,
    softmax: Annotated[bool, typer.Option("--softmax", help="Make probabilities of the first output.")] = False,
    task: Annotated[str | None, typer.Option(help="Such as image-classification.")] = None,
    labels: Annotated[str | None, typer.Option(help="A file with a label on each line.")] = None,
    min_onnxruntime: Annotated[str | None, typer.Option(help="The oldest it must load in.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what the exporters print.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask PyTorch alone, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Export a PyTorch model by the first exporter whose file answers as PyTorch does, or say where none does.

    Names in a shape are dynamic. A uint8 [N,H,W,C] is an image, which the graph makes floats of. Give --args, --input,
    --output and --range as often as needed.

    Example: edgekit export net.py --weights w.pt --input "x: float32[N,3,32,32]" -o bundle
    """
    from pathlib import Path

    from edgekit import console, extras
    from edgekit.commands import declaring

    said = declaring.declared(inputs, outputs, ranges, mean, std, as_given, softmax, task, labels, min_onnxruntime)
    given = declaring.examples(examples) if examples else None
    built = declaring.arguments(args or [])
    extras.need_all(["torch", "onnx", "onnxruntime", "onnxscript", "safetensors"])
    console.say(f"{source}: loading PyTorch and the model")
    from edgekit.exporting import shipping
    from edgekit.sources.opening import open_source
    from edgekit.sources.source import Asked

    folder = shipping.check_folder(Path(bundle))
    opened = open_source(Asked(source, built, Path(weights) if weights else None, task))
    for note in opened.notes:
        console.say(note)
    wanted = {**opened.known, **said}
    wanted["ranges"] = {**opened.known.get("ranges", {}), **said.get("ranges", {})}
    if given is not None and "inputs" in wanted:
        given = declaring.named(given, wanted["inputs"])
    elif opened.examples and "inputs" not in said:
        given = dict(opened.examples)
    if dry_run:
        with shipping.evaluating(opened.module):
            _tell_plan(shipping.prepare(opened.module, given, **wanted), folder, as_json)
        return
    console.say("exporting to ONNX and comparing with PyTorch")
    done = shipping.export(
        opened.module, given, folder, name=opened.name, source=opened.said, verbose=verbose,
        beside=opened.beside, preprocessing=opened.preprocessing, **wanted,
    )  # fmt: skip
    if as_json:
        console.result(done.to_dict())
    else:
        _tell(done)


def _tell_plan(prepared: Prepared, folder: object, as_json: bool) -> None:
    from edgekit import console

    program = prepared.program
    inputs, outputs = ([str(tensor) for tensor in tensors] for tensors in (program.inputs, program.outputs))
    if as_json:
        console.result({"bundle": str(folder), "inputs": inputs, "outputs": outputs, "cases": prepared.cases.all()})
        return
    for way, lines in (("input", inputs), ("output", outputs)):
        for line in lines:
            console.answer(f"{way:<9} {line}")
    console.answer(f"{'cases':<9} {_sizes(prepared.cases.all())}")
    console.answer(f"{'bundle':<9} {folder} would be written")


def _tell(done: Shipped) -> None:
    from edgekit import console

    for failure in done.exported.failures:
        console.answer(f"{'failed':<9} {failure}")
    card, parity = done.card, done.exported.parity
    console.answer(f"{'exporter':<9} {done.exported.method}")
    if done.exported.method == "tracer":
        console.answer(f"{'note':<9} it follows one example: a branch that values decide keeps the side that was taken")
    for way, tensors in (("input", card.inputs), ("output", card.outputs)):
        for tensor in tensors:
            console.answer(f"{way:<9} {tensor}")
    where = _sizes(card.parity["cases"])
    console.answer(
        f"{'proof':<9} differs from PyTorch by at most {parity.max_abs:.1e}" + (f" at {where}" if where else "")
    )
    if slimmed := done.exported.slimmed:
        sizes = " → ".join(map(console.size, slimmed.bytes))
        console.answer(f"{'slimmed':<9} {slimmed.nodes[0]} → {slimmed.nodes[1]} nodes, {sizes}")
    spent = ", ".join(f"{phase} {console.duration(seconds)}" for phase, seconds in done.phases.items())
    console.answer(f"{'time':<9} {spent}")
    size = sum(each["bytes"] for each in card.files.values())
    console.answer(f"{'bundle':<9} {done.folder}, {console.size(size)}")


def _sizes(cases: list[dict[str, int]]) -> str:
    names = dict.fromkeys(name for case in cases for name in case)
    return ", ".join(f"{name} {'/'.join(map(str, sorted({case[name] for case in cases})))}" for name in names)

"""edgekit export: any PyTorch model as a bundle that is proved to answer as it does. Imports typer until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgekit.exporting.bundle import Written
    from edgekit.exporting.formats import Formed
    from edgekit.exporting.ladder import Exported
    from edgekit.signature import Tensor

_SHOWN = 8  # nodes that stay in float32


def command(
    source: Annotated[str, typer.Argument(help="model.py, package.module:callable, .pt2, stage, hf:FOLDER, bundle.")],
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
    resize: Annotated[str, typer.Option(help="Resize the picture: 256 (shorter side), or 240x320.")] = "",
    crop: Annotated[str, typer.Option(help="Crop its middle: 224, or 240x320.")] = "",
    head: Annotated[str | None, typer.Option(help="softmax, top5, argmax or threshold=0.5.")] = None,
    task: Annotated[str | None, typer.Option(help="Such as image-classification.")] = None,
    labels: Annotated[str | None, typer.Option(help="A file with a label on each line.")] = None,
    licence: Annotated[str, typer.Option(help="What it may be used for: MIT, or a text.")] = "",
    min_onnxruntime: Annotated[str | None, typer.Option(help="The oldest it must load in.")] = None,
    format: Annotated[str, typer.Option(show_default=False, help="onnx, ort (phones) or triton (a server).")] = "onnx",
    precision: Annotated[str, typer.Option(show_default=False, help="fp32, or fp16 inside.")] = "fp32",
    serve: Annotated[list[str] | None, typer.Option(help="Triton: max_batch=32, device=cuda:0, ...")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what the exporters print.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask the model alone, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Export a PyTorch model by the first exporter whose file answers as it does.

    Names in a shape are dynamic; forward may say them too: Annotated[Tensor, "float32[N,4]"]. A uint8 [N,H,W,C]
    is an image. Some options repeat. A bundle or ONNX file gets another format.

    Example: edgekit export net.py --weights w.pt --input "x: float32[N,9]" -o bundle
    """
    from pathlib import Path

    from edgekit import console, extras
    from edgekit.commands import converting, declaring
    from edgekit.data import arrays as held

    said = declaring.declared(
        inputs, outputs, ranges, mean, std, as_given, resize, crop, head, task, labels, min_onnxruntime
    )
    arrays = held.read_arrays(examples) if examples else None
    built = declaring.arguments(args or [])
    foreign = {"args": args, "weights": weights, "licence": licence}
    if format == "triton" or serve:
        foreign |= {**said, "precision": precision if precision != "fp32" else None}
        converting.into_repository(source, Path(bundle), format, serve or [], foreign, arrays, dry_run, as_json)
        return
    if ready := converting.ready(source, plain=(format, precision) == ("onnx", "fp32")):
        plan = converting.Plan(ready, Path(bundle), format, precision, {**foreign, **said}, arrays)
        if dry_run:
            _tell_plan(*plan.rehearse(), Path(bundle), as_json)
        else:
            console.say(f"{ready}: converting, and comparing with what it was")
            _tell(plan.carry_out(), None, as_json)
        return
    extras.need_all(["torch", "onnx", "onnxruntime", "onnxscript", "safetensors"])
    console.say(f"{source}: loading PyTorch and the model")
    from edgekit.exporting import shipping
    from edgekit.exporting.bundle import check_folder
    from edgekit.sources.opening import open_source
    from edgekit.sources.source import Asked

    folder = check_folder(Path(bundle))
    opened = open_source(Asked(source, built, Path(weights) if weights else None, task))
    for note in opened.notes:
        console.say(note)
    wanted = {**opened.known, **said}
    if format == "ort" and not min_onnxruntime:
        wanted.pop("min_onnxruntime", None)  # what a stage's recipe asks for is ONNX
    wanted["ranges"] = {**opened.known.get("ranges", {}), **said.get("ranges", {})}
    given = dict(opened.examples) if opened.examples and "inputs" not in said else None
    if arrays is not None:
        given, wanted["targets"] = held.examples(arrays, wanted.get("inputs", ()))
    if dry_run:
        with shipping.evaluating(opened.module):
            prepared = shipping.prepare(opened.module, given, **wanted)
        _tell_plan(prepared.program.inputs, prepared.program.outputs, prepared.cases.all(), folder, as_json)
        return
    console.say("exporting to ONNX and comparing with PyTorch")
    done = shipping.export(
        opened.module, given, folder, name=opened.name, source=opened.said, verbose=verbose,
        beside=opened.beside, preprocessing=opened.preprocessing, licence=licence, format=format,
        precision=precision, **wanted,
    )  # fmt: skip
    _tell(done, done.exported, as_json)


def _tell_plan(
    inputs: Sequence[Tensor], outputs: Sequence[Tensor], cases: list[dict[str, int]], folder: Path, as_json: bool
) -> None:
    from edgekit import console
    from edgekit.commands.card import sizes

    lines = {"input": [str(tensor) for tensor in inputs], "output": [str(tensor) for tensor in outputs]}
    if as_json:
        said = {"bundle": str(folder), "inputs": lines["input"], "outputs": lines["output"], "cases": cases}
        console.result(said)
        return
    for way, tensors in lines.items():
        for line in tensors:
            console.answer(f"{way:<9} {line}")
    console.answer(f"{'cases':<9} {sizes(cases)}")
    console.answer(f"{'bundle':<9} {folder} would be written")


def _tell(done: Written, exported: Exported | None, as_json: bool) -> None:
    from edgekit import console
    from edgekit.commands.card import agreed, sizes

    if as_json:
        console.result(done.to_dict())
        return
    card = done.card
    if exported:
        _tell_how(exported)
    for way, tensors in (("input", card.inputs), ("output", card.outputs)):
        for tensor in tensors:
            console.answer(f"{way:<9} {tensor}")
    where = sizes(card.parity["cases"])
    differs = f"differs from {card.parity.get('with', 'PyTorch')} by at most {card.parity['max_abs']:.1e}"
    console.answer(f"{'proof':<9} {differs}" + (f" at {where}" if where else ""))
    if metric := card.parity.get("metric"):
        console.answer(f"{'metric':<9} {agreed(metric)}")
    if exported and (slimmed := exported.slimmed):
        bytes_ = " → ".join(map(console.size, slimmed.bytes))
        console.answer(f"{'slimmed':<9} {slimmed.nodes[0]} → {slimmed.nodes[1]} nodes, {bytes_}")
    if done.formed:
        _tell_form(done.formed)
    console.answer(f"{'requires':<9} onnxruntime {card.requires['onnxruntime']} or newer")
    spent = ", ".join(f"{phase} {console.duration(seconds)}" for phase, seconds in done.phases.items())
    console.answer(f"{'time':<9} {spent}")
    size = sum(each["bytes"] for each in card.files.values())
    console.answer(f"{'bundle':<9} {done.folder}, {console.size(size)}")


def _tell_how(exported: Exported) -> None:
    from edgekit import console

    for failure in exported.failures:
        console.answer(f"{'failed':<9} {failure}")
    console.answer(f"{'exporter':<9} {exported.method}")
    for note in exported.notes:
        console.answer(f"{'note':<9} {note}")


def _tell_form(formed: Formed) -> None:
    from edgekit import console

    if formed.form.format == "ort":
        console.answer(f"{'format':<9} ort, with the operators a small build of onnxruntime needs beside it")
    if formed.bytes:
        console.answer(f"{'fp16':<9} {' → '.join(map(console.size, formed.bytes))}")
    for node in formed.kept[:_SHOWN]:
        console.answer(f"{'in fp32':<9} {node}")
    if len(formed.kept) > _SHOWN:
        console.answer(f"{'in fp32':<9} and {len(formed.kept) - _SHOWN} more, which the manifest names")
